// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_change_view.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

void print_json(Output& output, const job::SnapshotChanges& changes, std::uint64_t removed) {
  for (const job::SnapshotChange& change : changes.changes) {
    Json line = Json::object();
    line.set("message_type", "changed");
    line.set("old_snapshot_id", change.before.id.hex());
    if (change.id) line.set("new_snapshot_id", change.id->hex());
    line.set("removed", change.is_removed);
    output.json_line(line);
  }
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("changed_snapshots", changes.changes.size());
  line.set("removed_snapshots", removed);
  line.set("removed_proofs", changes.proofs.size());
  output.json_line(line);
}

void print_text(Output& output, const job::SnapshotChanges& changes, bool forget, bool dry_run) {
  for (const job::SnapshotChange& change : changes.changes) {
    output.message(snapshot_line(change.before));
    if (!change.after) {
      output.message(forget ? "nothing of it is left"
                            : "nothing of it is left; --forget removes it");
    } else if (dry_run) {
      output.message("would save new snapshot");
    } else {
      output.message("saved new snapshot " + change.id->short_hex());
    }
    if (dry_run && forget) output.message("would remove old snapshot");
    if (change.is_removed) output.message("removed old snapshot " + change.before.id.short_hex());
    output.message("");
  }
  if (!changes.proofs.empty()) {
    output.message(counted(changes.proofs.size(), "proof") +
                   " of drills went with the trees they proved");
  }
  if (changes.changes.empty()) {
    output.message(dry_run ? "no snapshots would be modified" : "no snapshots were modified");
  } else {
    output.message(fmt::format("{} {}", dry_run ? "would modify" : "modified",
                               counted(changes.changes.size(), "snapshot")));
  }
}

}  // namespace

void print_snapshot_changes(Output& output, const job::SnapshotChanges& changes, bool forget,
                            bool dry_run) {
  if (output.json()) {
    const auto removed = std::ranges::count_if(changes.changes, &job::SnapshotChange::is_removed);
    print_json(output, changes, static_cast<std::uint64_t>(removed));
  } else {
    print_text(output, changes, forget, dry_run);
  }
  if (changes.failed == 0) return;
  throw Error(Errc::incomplete, counted(changes.failed, "snapshot") + " could not be removed");
}

}  // namespace holdfast::cli

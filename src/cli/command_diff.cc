// SPDX-License-Identifier: Apache-2.0
// diff: what differs between two snapshots.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/text.h"
#include "job/diff.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "metadata", .help = "show changes of modes, times and the like too"},
};

Json counts_json(const archive::DiffCounts& counts) {
  Json json = Json::object();
  json.set("files", counts.files);
  json.set("dirs", counts.folders);
  json.set("others", counts.others);
  json.set("data_blobs", counts.data_blobs);
  json.set("tree_blobs", counts.tree_blobs);
  json.set("bytes", counts.blob_bytes);
  return json;
}

void print_statistics(Output& output, const job::DiffOptions& asked,
                      const archive::TreeDiff& diff) {
  const archive::DiffCounts &added = diff.added, &removed = diff.removed;
  if (output.json()) {
    Json json = Json::object();
    json.set("message_type", "statistics");
    json.set("source_snapshot", asked.before);
    json.set("target_snapshot", asked.after);
    json.set("changed_files", diff.changed_files);
    json.set("added", counts_json(added));
    json.set("removed", counts_json(removed));
    return output.json_line(json);
  }
  const auto line = [&](std::string_view what, std::uint64_t more, std::uint64_t less) {
    return fmt::format("{:<12} {:5} new, {:5} removed", what, more, less);
  };
  output.line("");
  output.line(line("Files:", added.files, removed.files) +
              fmt::format(", {:5} changed", diff.changed_files));
  output.line(line("Dirs:", added.folders, removed.folders));
  output.line(line("Others:", added.others, removed.others));
  output.line(line("Data Blobs:", added.data_blobs, removed.data_blobs));
  output.line(line("Tree Blobs:", added.tree_blobs, removed.tree_blobs));
  output.line(fmt::format("  Added:   {:<5}", format_bytes(added.blob_bytes)));
  output.line(fmt::format("  Removed: {:<5}", format_bytes(removed.blob_bytes)));
}

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  invocation.expect_words(2, 2, "two snapshots");
  job::DiffOptions asked;
  asked.before = arguments.words()[0];
  asked.after = arguments.words()[1];
  asked.filter = snapshot_filter(invocation);
  asked.with_metadata = arguments.flag("metadata");
  Output& output = invocation.output();
  const bool is_quiet = output.verbosity() == 0;
  TroubleObserver observer(output);
  const archive::TreeDiff diff = job::diff_snapshots(
      invocation.job(), invocation.repository_access(), asked,
      [&](const archive::Snapshot& before, const archive::Snapshot& after) {
        output.message(fmt::format("comparing snapshot {} to {}:\n", before.id.short_hex(),
                                   after.id.short_hex()));
      },
      [&](const archive::TreeChange& change) {
        if (is_quiet) return;
        if (output.json()) {
          output.json_line(Json::object()
                               .set("message_type", "change")
                               .set("path", change.path)
                               .set("modifier", change.modifier));
        } else {
          output.line(fmt::format("{:<5}{}", change.modifier, printable(change.path)));
        }
      },
      observer, invocation.stop());
  print_statistics(output, asked, diff);
  if (diff.problems > 0) {
    throw Error(Errc::incomplete,
                "not everything could be compared: " + counted(diff.problems, "problem"));
  }
}

}  // namespace

constinit const Command diff_command{
    .name = "diff",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] SNAPSHOT[:SUBFOLDER] SNAPSHOT[:SUBFOLDER]",
    .summary = "Show what differs between two snapshots",
    .description =
        "Compares two snapshots, or two folders of them, and lists what is in one only or in both "
        "but different: + added, - removed, M content changed, T another type, U only metadata "
        "changed (with --metadata), and M? where the content changed but nothing else, as where a "
        "disk lost data. At the end it counts entries, and the blobs that one has and the other "
        "has not. With --quiet it only counts.",
    .options = {options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli

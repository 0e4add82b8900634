// SPDX-License-Identifier: Apache-2.0
// copy: snapshots of one repository into another.
#include <fmt/format.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_options.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"
#include "job/copy.h"

namespace holdfast::cli {

namespace {

void print_snapshot(Output& output, const archive::Snapshot& source, job::CopyOutcome outcome,
                    const std::optional<format::Id>& target) {
  const std::string id = source.id.short_hex();
  if (output.json()) {
    Json line = Json::object();
    line.set("message_type", outcome == job::CopyOutcome::copied  ? "copied"
                             : outcome == job::CopyOutcome::known ? "skipped"
                                                                  : "damaged");
    line.set("source_snapshot_id", source.id.hex());
    if (target) line.set("snapshot_id", target->hex());
    output.json_line(line);
    return;
  }
  switch (outcome) {
    case job::CopyOutcome::copied:
      output.message(snapshot_line(source));
      output.message(fmt::format("snapshot {} saved, copied from source snapshot {}",
                                 target->short_hex(), id));
      return;
    case job::CopyOutcome::known:
      output.detail(snapshot_line(source));
      output.detail(fmt::format("skipping source snapshot {}, was already copied to snapshot {}",
                                id, target->short_hex()));
      return;
    case job::CopyOutcome::damaged:
      output.warning(fmt::format("snapshot {} is not copied: it is damaged", id));
  }
}

void print_report(Output& output, const job::CopyReport& report) {
  if (output.json()) {
    Json line = Json::object();
    line.set("message_type", "summary");
    line.set("snapshots_copied", report.copied);
    line.set("snapshots_skipped", report.known);
    line.set("snapshots_damaged", report.damaged);
    line.set("blobs_added", report.blobs);
    line.set("data_added_packed", report.stored_bytes);
    output.json_line(line);
    return;
  }
  output.message(fmt::format("copied {}, skipped {} that had been copied before; added {} in {}",
                             counted(report.copied, "snapshot"), report.known,
                             format_bytes(report.stored_bytes), counted(report.blobs, "blob")));
}

void run(Invocation& invocation) {
  job::CopyOptions copy;
  copy.ids = invocation.arguments().words();
  copy.filter = snapshot_filter(invocation, true);
  const job::RepositoryAccess source = invocation.second_repository_access();
  const job::RepositoryAccess target = invocation.repository_access();
  Output& output = invocation.output();
  const auto progress = invocation.progress(ProgressShape::plain);
  const job::CopyReport report = job::copy_snapshots(
      invocation.job(), source, target, copy,
      [&](const archive::Snapshot& snapshot, job::CopyOutcome outcome,
          const std::optional<format::Id>& id) { print_snapshot(output, snapshot, outcome, id); },
      progress->observer(), invocation.stop());
  progress->finish();
  print_report(output, report);
  if (report.damaged == 0) return;
  Error error(Errc::incomplete,
              counted(report.damaged, "snapshot") + " of the source could not be copied");
  error.set_hint(
      "The others are whole in the target. `holdfast check --read-data` on the source tells what "
      "is damaged there.");
  throw error;
}

}  // namespace

constinit const Command copy_command{
    .name = "copy",
    .group = VerbGroup::repository,
    .arguments = "--from-repo REPOSITORY [flags] [SNAPSHOT]...",
    .summary = "Copy snapshots from another repository",
    .description =
        "Copies the named snapshots, or all that the filter takes, from the repository of "
        "--from-repo into this one. What is here already is not copied again: neither data nor "
        "snapshots. A snapshot appears once all it needs is stored; a copy that was interrupted "
        "goes on where it stopped when it is run again.\n\n"
        "Files are not cut anew. Make the target with `holdfast init --copy-chunker-params "
        "--from-repo REPOSITORY`, so that what is copied and what is backed up into it share "
        "their data.",
    .options = {second_repository_options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli

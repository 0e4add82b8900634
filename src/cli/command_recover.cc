// SPDX-License-Identifier: Apache-2.0
// recover: a snapshot of what no snapshot has.
#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/text.h"
#include "job/recover.h"

namespace holdfast::cli {

namespace {

void print_json(Output& output, const job::RecoverReport& report) {
  Json line = Json::object();
  line.set("message_type", "summary");
  line.set("roots", report.roots);
  line.set("lost", report.lost);
  if (report.snapshot) line.set("snapshot_id", report.snapshot->hex());
  output.json_line(line);
}

void print_text(Output& output, const job::RecoverReport& report) {
  output.message("found " + counted(report.roots, "tree") + " that nothing refers to");
  output.message(report.snapshot ? "saved new snapshot " + report.snapshot->short_hex()
                                 : "no snapshot to write");
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const job::RecoverReport report =
      job::recover(invocation.job(), access, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  if (output.json()) {
    print_json(output, report);
  } else {
    print_text(output, report);
  }
  if (report.lost == 0) return;
  throw Error(Errc::incomplete, counted(report.lost, "item") + " could not be recovered whole");
}

}  // namespace

constinit const Command recover_command{
    .name = "recover",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Make a snapshot of what no snapshot has any more",
    .description =
        "Finds all directories that no snapshot and no other directory refers to, as those of a "
        "snapshot that was lost or forgotten and not yet pruned, and puts them into one new "
        "snapshot of path /recover with the tag `recovered`, each below the front of its id.\n\n"
        "What `holdfast forget` was right to remove is found too, and so is what interrupted "
        "backups have left. Look with `holdfast ls`, and forget the snapshot when all that is "
        "needed has been restored from it.",
    .run = run,
};

}  // namespace holdfast::cli

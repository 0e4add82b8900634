// SPDX-License-Identifier: Apache-2.0
// repair snapshots: damaged snapshots without what is lost.
#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_change_view.h"
#include "cli/snapshot_options.h"
#include "cli/text.h"
#include "job/repair_snapshots.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "forget",
           .help = "remove the damaged snapshots that new ones take the place of, or of which "
                   "nothing is left"},
    Option{.name = "dry-run", .letter = 'n', .help = "change nothing, but show what would be done"},
};

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::RepairSnapshotsOptions repair;
  repair.ids = arguments.words();
  repair.filter = snapshot_filter(invocation);
  repair.forget = arguments.flag("forget");
  repair.dry_run = arguments.flag("dry-run");
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const job::RepairSnapshotsReport report = job::repair_snapshots(
      invocation.job(), access, repair, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  for (const std::string& line : report.damaged) output.warning(printable(line));
  print_snapshot_changes(output, report.changes, repair.forget, repair.dry_run);
  for (const format::Id& id : report.torn) {
    output.message(
        fmt::format("{} snapshot file {}, which is damaged; `holdfast recover` finds its tree",
                    repair.dry_run ? "would remove" : "removed", id.hex()));
  }
  if (report.damaged.size() == report.torn.size()) return;
  throw Error(Errc::incomplete,
              counted(report.damaged.size() - report.torn.size(), "snapshot") + " cannot be read")
      .set_hint(repair.forget ? "It is as it was stored: a newer program may have written it."
                              : "With --forget files that are damaged are removed; `holdfast "
                                "recover` finds their trees and makes a snapshot of them.");
}

}  // namespace

constinit const Command repair_snapshots_command{
    .name = "repair snapshots",
    .group = VerbGroup::repository,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Make damaged snapshots anew without what is lost",
    .description =
        "Looks for files and directories of which the repository has lost something, and makes "
        "new snapshots without that: files are cut short, directories that cannot be read are "
        "empty. Each is told. Snapshots that are whole stay as they are.\n\n"
        "What is lost may come back: where the index does not fit the packs this refuses to run, "
        "and `holdfast repair index` comes first; and where the sources are still there, a new "
        "`holdfast backup` of them may store again what is missing.\n\n"
        "The damaged snapshots stay, and the new ones get the tag `repaired`; with --forget the "
        "damaged ones are removed instead, and so are snapshot files that are themselves damaged, "
        "whose trees `holdfast recover` finds. Without snapshots and filters all are looked at. "
        "Content is not read: `holdfast check --read-data` names the packs that are damaged "
        "inside.",
    .options = {options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// rewrite: snapshots without some of their files, or with another host or time.
#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/snapshot_change_view.h"
#include "cli/snapshot_options.h"
#include "job/rewrite.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "new-host",
           .kind = OptionKind::value,
           .value_name = "host",
           .help = "the new snapshots are of this host"},
    Option{.name = "new-time",
           .kind = OptionKind::value,
           .value_name = "time",
           .help = "the new snapshots are of this time, such as \"2012-11-01 22:08:41\""},
    Option{.name = "snapshot-summary",
           .letter = 's',
           .help = "count the files and bytes of snapshots that do not say them"},
    Option{.name = "forget", .help = "remove the snapshots that new ones take the place of"},
    Option{.name = "dry-run", .letter = 'n', .help = "change nothing, but show what would be done"},
};

void run(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  job::RewriteOptions rewrite;
  rewrite.ids = arguments.words();
  rewrite.filter = snapshot_filter(invocation);
  rewrite.excludes = path_patterns(arguments, "exclude");
  rewrite.includes = path_patterns(arguments, "include");
  rewrite.new_hostname = arguments.value_or("new-host", "");
  if (const std::string time = arguments.value_or("new-time", ""); !time.empty()) {
    rewrite.new_time = in_context("reading --new-time", [&] { return parse_local_time(time); });
  }
  rewrite.snapshot_summary = arguments.flag("snapshot-summary");
  rewrite.forget = arguments.flag("forget");
  rewrite.dry_run = arguments.flag("dry-run");
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const job::SnapshotChanges changes = job::rewrite_snapshots(
      invocation.job(), access, rewrite, progress->observer(), invocation.stop());
  progress->finish();
  print_snapshot_changes(invocation.output(), changes, rewrite.forget, rewrite.dry_run);
}

}  // namespace

constinit const Command rewrite_command{
    .name = "rewrite",
    .group = VerbGroup::snapshots,
    .arguments = "[flags] [SNAPSHOT]...",
    .summary = "Make snapshots anew without some of their files",
    .description =
        "Makes new snapshots that lack what the patterns leave out, or have only what they take, "
        "or are of another host or time; all else of them is that of the old ones. Without "
        "snapshots and filters, of all. A snapshot of which nothing would change stays as it is, "
        "and so do the proofs of drills.\n\n"
        "The old snapshots stay, and the new ones get the tag `rewrite`; with --forget the old "
        "ones are removed instead. `holdfast prune` then gives back the space.\n\n"
        "The manifest of an instance's snapshot from which something was left out says from then "
        "on that the copy is incomplete.",
    .options = {options, exclude_options, include_options, snapshot_filter_options},
    .run = run,
};

}  // namespace holdfast::cli

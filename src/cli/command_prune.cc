// SPDX-License-Identifier: Apache-2.0
// prune: gives space back.
#include <array>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/prune_view.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "dry-run", .letter = 'n', .help = "change nothing, but show what would be done"},
    Option{.name = "unsafe-recover-no-free-space",
           .kind = OptionKind::value,
           .value_name = "repository-id",
           .help = "for a repository whose disk is full: remove index files first. A kill "
                   "then loses the index, "
                   "so try --max-repack-size 0 before"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  job::PruneJobOptions prune;
  prune.prune = read_prune_options(arguments);
  prune.prune.dry_run = arguments.flag("dry-run");
  prune.recover_repository_id = arguments.value_or("unsafe-recover-no-free-space", "");
  if (!prune.recover_repository_id.empty())
    prune.prune.repack_bytes_max = 0;  // packing anew needs space
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const repo::PruneReport report = job::prune_repository(invocation.job(), access, prune,
                                                         progress->observer(), invocation.stop());
  progress->finish();
  print_prune_report(invocation.output(), report, prune.prune.dry_run);
}

}  // namespace

constinit const Command prune_command{
    .name = "prune",
    .group = VerbGroup::repository,
    .arguments = "[flags]",
    .summary = "Remove data that no snapshot needs",
    .description =
        "Removes data that no snapshot refers to, and packs anew what is only partly needed. "
        "Nothing is removed "
        "before what is still needed has been stored elsewhere.",
    .options = {options, prune_options},
    .run = run,
};

}  // namespace holdfast::cli

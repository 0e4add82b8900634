// SPDX-License-Identifier: Apache-2.0
// drill: a rehearsed restore.
#include <array>

#include "base/error.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/instance_view.h"
#include "job/drill.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    Option{.name = "junit",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write the result as JUnit XML, too"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 1, "at most one snapshot");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& instance = invocation.instance();
  const job::RepositoryAccess access = invocation.repository_access();
  const std::string snapshot = arguments.words().empty() ? "latest" : arguments.words().front();
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::DrillReport report = job::drill(invocation.job(), access, snapshot, instance,
                                             progress->observer(), invocation.stop());
  progress->finish();
  if (const auto file = arguments.value("junit")) {
    write_file_durably(*file, as_bytes(job::to_junit(report)), 0644);
  }
  print_drill(invocation.output(), report);
  if (report.passed()) return;
  Error error(Errc::differs, "the drill of snapshot " + report.snapshot.short_hex() + " failed");
  error.set_hint(
      "What failed is listed above. Back up again, and drill that; `holdfast check --read-data` "
      "tells whether the "
      "repository is damaged.");
  throw error;
}

}  // namespace

constinit const Command drill_command{
    .name = "drill",
    .group = VerbGroup::instances,
    .arguments = "[SNAPSHOT] -I FILE.toml [--junit FILE]",
    .summary = "Rehearse a restore in a scratch place and compare",
    .description =
        "Restores a snapshot (default: the latest) into a scratch place, opens every database, "
        "compares every table, index, "
        "view, trigger and file with what the backup recorded, asks the queries of "
        "[[drill.query]], and throws all of it away. "
        "If everything is right, a proof is stored: a small snapshot that says so, and that "
        "`forget` removes together with "
        "what it proves. The exit code is 21 if anything differs.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli

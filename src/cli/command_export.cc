// SPDX-License-Identifier: Apache-2.0
// export: an instance as plain files.
#include <array>

#include "base/error.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/instance_view.h"
#include "cli/snapshot_options.h"
#include "job/instance_backup.h"

namespace holdfast::cli {

namespace {

constexpr std::array options{
    accept_option,
    Option{.name = "target",
           .letter = 't',
           .kind = OptionKind::value,
           .value_name = "directory",
           .help = "where to; must not be there yet, or be empty, in a directory that is there"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const model::Instance& instance = invocation.instance();
  const auto target = invocation.arguments().value("target");
  if (!target || target->empty()) {
    Error error(Errc::usage, "no directory to export to is given");
    error.set_hint("Name it with --target.");
    throw error;
  }
  job::InstanceBackupOptions backup;
  backup.acceptances = acceptances_of(invocation);
  const auto progress = invocation.progress(ProgressShape::backup);
  const job::InstanceBackupReport report =
      job::export_instance(invocation.job(), instance, absolute_path(*target), backup,
                           progress->observer(), invocation.stop());
  progress->finish();
  print_instance_backup(invocation.output(), report, *target);
  refuse_failed_hook(report.hook_failure, report.manifest.complete,
                     "The export is in place; only the hook failed.");
  if (report.manifest.complete) return;
  Error error(Errc::incomplete,
              "the export is incomplete: " + instance.name + " has items that are not in it");
  error.set_hint("They are listed above and in its holdfast.json.");
  throw error;
}

}  // namespace

constinit const Command export_command{
    .name = "export",
    .group = VerbGroup::instances,
    .arguments = "-I FILE.toml --target DIRECTORY",
    .summary = "Copy an instance into a directory of plain files",
    .description =
        "Copies the whole instance at one moment, as `backup -I` does, but into a new directory of "
        "plain files of the engines' "
        "own kinds. No repository is needed. RESTORE.md in it says how to restore it without "
        "Holdfast.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// import: an instance from plain files.
#include "base/path.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/snapshot_options.h"
#include "job/instance_restore.h"

namespace holdfast::cli {

namespace {

void run(Invocation& invocation) {
  invocation.expect_words(1, 1000, "a directory, or files");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& target = invocation.instance();
  std::vector<std::filesystem::path> sources;
  for (const std::string& word : arguments.words()) sources.emplace_back(absolute_path(word));
  job::InstanceRestoreOptions restore;
  restore.components = arguments.list("component");
  restore.tables = arguments.list("table");
  restore.replace = arguments.flag("replace");
  restore.acceptances = acceptances_of(invocation);
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::InstanceRestoreReport report = job::import_instance(
      invocation.job(), sources, target, restore, progress->observer(), invocation.stop());
  progress->finish();
  finish_instance_restore(invocation, report);
}

}  // namespace

constinit const Command import_command{
    .name = "import",
    .group = VerbGroup::instances,
    .arguments = "DIRECTORY|FILE... -I NEW.toml [--replace]",
    .summary = "Load an export, or database files, into an instance",
    .description =
        "Loads a directory that `export` made, or that restoring an instance's snapshot as plain "
        "files made, or single files "
        "that an engine can import, into the places that the instance file names. What exists is "
        "not touched without "
        "--replace, and then kept under a new name.",
    .options = {instance_restore_options},
    .run = run,
};

}  // namespace holdfast::cli

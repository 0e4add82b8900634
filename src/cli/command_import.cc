// SPDX-License-Identifier: Apache-2.0
// import: an instance from plain files.
#include <fmt/format.h>

#include <array>
#include <string_view>

#include "base/error.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/snapshot_options.h"
#include "job/instance_restore.h"

namespace holdfast::cli {

namespace {

constexpr std::array import_options{
    Option{.name = "data-only",
           .help = "load data into a database that is there, empty, and keeps its schema"},
};

void refuse_contradictions(const job::InstanceRestoreOptions& options) {
  if (!options.data_only) return;
  const auto refuse = [](std::string_view other, std::string_view why) {
    throw Error(Errc::usage, fmt::format("--data-only and {} exclude each other", other))
        .set_hint(why);
  };
  if (!options.schema_file.empty())
    refuse("--schema", "The schema is the one that the database has.");
  if (options.replace) refuse("--replace", "The database that is there is filled, not replaced.");
}

void run(Invocation& invocation) {
  invocation.expect_words(1, 1000, "a directory, or files");
  const Arguments& arguments = invocation.arguments();
  const model::Instance& target = invocation.instance();
  std::vector<std::filesystem::path> sources;
  for (const std::string& word : arguments.words()) sources.emplace_back(absolute_path(word));
  job::InstanceRestoreOptions restore = restore_options_of(invocation);
  restore.data_only = arguments.flag("data-only");
  refuse_contradictions(restore);
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
    .arguments = "DIRECTORY|FILE... -I NEW.toml [--replace] [--schema FILE | --data-only]",
    .summary = "Load an export, or database files, into an instance",
    .description =
        "Loads a directory that `export` made, or that restoring an instance's snapshot as plain "
        "files made, or single files "
        "that an engine can import, into the places that the instance file names. What exists is "
        "not touched without "
        "--replace, and then kept under a new name. A data file of TypeDB takes the schema of "
        "--schema with it, or with --data-only the one that an empty database has already.",
    .options = {instance_restore_options, schema_options, import_options},
    .run = run,
    .words = "FILE",
};

}  // namespace holdfast::cli

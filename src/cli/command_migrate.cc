// SPDX-License-Identifier: Apache-2.0
// migrate: an instance, or a dump, straight into another instance.
#include <array>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/snapshot_options.h"
#include "job/dump_migration.h"
#include "job/instance_restore.h"
#include "job/migrate.h"
#include "job/read_instance.h"

namespace holdfast::cli {

namespace {

constexpr std::array migrate_options{
    Option{.name = "to",
           .kind = OptionKind::value,
           .value_name = "new.toml",
           .help = "instance file of the target"},
    Option{.name = "from",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "load this file, made by a vendor's tool, instead of an instance; several "
                   "times for the files of one set"},
};

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  const auto to = arguments.value("to");
  if (!to || to->empty()) {
    throw Error(Errc::usage, "no target is named")
        .set_hint("Name its instance file with --to NEW.toml.");
  }
  const model::Instance target = job::read_instance(*to);
  const job::InstanceRestoreOptions restore = restore_options_of(invocation);
  std::vector<std::filesystem::path> files;
  for (const std::string& file : arguments.list("from")) files.emplace_back(absolute_path(file));
  if (!files.empty() && arguments.value("instance"))
    throw Error(Errc::usage, "-I and --from exclude each other").set_hint("Name one source only.");
  const auto progress = invocation.progress(ProgressShape::restore);
  const job::InstanceRestoreReport report =
      files.empty() ? job::migrate_instance(invocation.job(), invocation.instance(), target,
                                            restore, progress->observer(), invocation.stop())
                    : job::migrate_dump(invocation.job(), files, target, restore,
                                        progress->observer(), invocation.stop());
  progress->finish();
  finish_instance_restore(invocation, report);
}

}  // namespace

constinit const Command migrate_command{
    .name = "migrate",
    .group = VerbGroup::instances,
    .arguments = "-I OLD.toml|--from FILE... --to NEW.toml [--replace] [--table T]",
    .summary = "Copy an instance straight into another one",
    .description =
        "Checks both sides, holds the source at one moment, and lets its databases and files flow "
        "into the target, without a repository between them. What arrives is compared with what "
        "was read before it takes its place. The source goes on working, unless its [quiesce] "
        "says otherwise, and is not changed. What exists in the target is not touched without "
        "--replace, and then kept under a new name. Hooks of both sides run; what cuts over is "
        "after_restore of the target. With --from a file made by a vendor's tool is the source: "
        "imported by a database of its kind; else its tables, all or those of --table, are made in "
        "the one database that the target names, which may be PostgreSQL, MariaDB or SQLite, every "
        "value exactly or none of them. "
        "--schema gives one database of TypeDB this schema instead of the source's, where that "
        "has to be adapted by hand.",
    .options = {instance_restore_options, migrate_options, schema_options},
    .run = run,
};

}  // namespace holdfast::cli

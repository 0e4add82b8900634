// SPDX-License-Identifier: Apache-2.0
// migrate: an instance, or a dump, straight into another instance; or, as restic's verb of that
// name, a repository to another version of its format.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/path.h"
#include "cli/commands.h"
#include "cli/instance_forms.h"
#include "cli/snapshot_options.h"
#include "cli/text.h"
#include "job/dump_migration.h"
#include "job/instance_restore.h"
#include "job/migrate.h"
#include "job/read_instance.h"
#include "job/repository_migration.h"

namespace holdfast::cli {

namespace {

constexpr std::array migrate_options{
    Option{.name = "to",
           .kind = OptionKind::value,
           .value_name = "new.toml",
           .help = "instance file of the target",
           .values = "FILE"},
    Option{.name = "from",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "load this file, made by a vendor's tool, instead of an instance; several "
                   "times for the files of one set"},
};

// Names of migrations, or nothing at all: what restic's verb takes. -I alone is half of a line that
// moves an instance.
bool is_about_repository(const Arguments& arguments) {
  const auto is_given = [&](const Option& option) {
    return arguments.on_command_line(option.name);
  };
  const bool has_instance_options = std::ranges::any_of(migrate_options, is_given) ||
                                    std::ranges::any_of(instance_restore_options, is_given) ||
                                    std::ranges::any_of(schema_options, is_given);
  if (!arguments.words().empty()) return !has_instance_options;
  return !has_instance_options && !arguments.given("instance");
}

void list_migrations(Invocation& invocation) {
  const auto found = job::list_repository_migrations(
      invocation.job(), invocation.repository_access(), invocation.stop());
  Output& output = invocation.output();
  if (output.json()) {
    Json list = Json::array();
    for (const job::RepositoryMigration& each : found)
      list.push(Json::object().set("name", each.name).set("description", each.description));
    output.json_line(list);
    return;
  }
  if (found.empty()) return output.message("no migrations found");
  output.message("available migrations:");
  for (const job::RepositoryMigration& each : found)
    output.message(fmt::format("  {}  {}", each.name, each.description));
}

void run_repository(Invocation& invocation) {
  const std::vector<std::string>& names = invocation.arguments().words();
  if (names.empty()) return list_migrations(invocation);
  const job::RepositoryAccess access = invocation.repository_access();
  const auto progress = invocation.progress(ProgressShape::plain);
  const job::RepositoryMigrationReport report = job::migrate_repository(
      invocation.job(), access, names, progress->observer(), invocation.stop());
  progress->finish();
  Output& output = invocation.output();
  const auto say = [&](const std::string& name, bool applied) {
    if (output.json()) {
      output.json_line(Json::object()
                           .set("message_type", "migration")
                           .set("name", name)
                           .set("applied", applied));
    } else if (applied) {
      output.message(fmt::format("migration {}: success", name));
    } else {
      output.warning(
          fmt::format("migration {} is not needed: the repository has that version", name));
    }
  };
  for (const std::string& name : report.applied) say(name, true);
  for (const std::string& name : report.not_needed) say(name, false);
}

void run(Invocation& invocation) {
  if (is_about_repository(invocation.arguments())) return run_repository(invocation);
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
    .arguments = "-I OLD.toml|--from FILE... --to NEW.toml [flags] | [upgrade_repo_v2]",
    .summary = "Copy an instance straight into another one; or upgrade a repository",
    .description =
        "Checks both sides, holds the source at one moment, and lets its databases and files flow "
        "into the target, without a repository between them. What arrives is compared with what "
        "was read before it takes its place. The source goes on working, unless its [quiesce] "
        "says otherwise, and is not changed. What exists in the target is not touched without "
        "--replace, and then kept under a new name. Hooks of both sides run; what cuts over is "
        "after_restore of the target. Where a database of the target is of another kind, all its "
        "tables, or those of --table, are made there anew. With --from a file made by a vendor's "
        "tool is the source: "
        "imported by a database of its kind; else its tables, all or those of --table, are made in "
        "the one database that the target names, which may be PostgreSQL, MariaDB or SQLite, every "
        "value exactly or none of them. "
        "--schema gives one database of TypeDB this schema instead of the source's, where that "
        "has to be adapted by hand.\n\n"
        "With none of this it is restic's verb: it lists the migrations that the repository can "
        "take, and applies those that are named. `upgrade_repo_v2` checks a repository of version "
        "1 and makes it one of version 2, which compresses what is stored from then on; `holdfast "
        "prune --repack-uncompressed` compresses the rest.",
    .options = {instance_restore_options, migrate_options, schema_options},
    .run = run,
};

}  // namespace holdfast::cli

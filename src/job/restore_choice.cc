// SPDX-License-Identifier: Apache-2.0
#include "job/restore_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "job/restore_plan.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

constexpr std::size_t tables_told_max = 30;

// By the name of its place too: the instance file may have given it another one.
bool place_goes_alone(const model::Manifest& manifest, const model::Profile& profile,
                      std::string_view component) {
  return std::none_of(
      manifest.databases.begin(), manifest.databases.end(), [&](const auto& database) {
        return database.name == component &&
               !profile.goes_alone(std::filesystem::path(database.uri).filename().native());
      });
}

void check_components(const model::Manifest& manifest, const InstanceRestoreOptions& options) {
  const model::Profile* const profile = profile::find_profile(manifest.profile);
  std::vector<std::string> known;
  for (const auto& database : manifest.databases) known.push_back(database.name);
  for (const auto& files : manifest.files) known.push_back(files.name);
  for (const std::string& wanted : options.components) {
    if (std::find(known.begin(), known.end(), wanted) == known.end())
      throw Error(Errc::not_found, fmt::format("the copy has no component \"{}\"", wanted))
          .set_hint(fmt::format("It has: {}.", fmt::join(known, ", ")));
    if (profile != nullptr &&
        !(profile->goes_alone(wanted) && place_goes_alone(manifest, *profile, wanted)))
      throw Error(Errc::usage, fmt::format("{} is restored with the whole instance only", wanted))
          .set_hint("Leave out --component, or name the others.");
  }
}

}  // namespace

bool is_wanted(const InstanceRestoreOptions& options, std::string_view component) {
  return options.components.empty() ||
         std::find(options.components.begin(), options.components.end(), component) !=
             options.components.end();
}

bool means_table(const std::string& wanted, const model::TableName& name) {
  const std::string schema =
      wanted.ends_with(".*") ? wanted.substr(0, wanted.size() - 2) : std::string();
  const bool whole_schema = !schema.empty() && name.schema == schema;
  return whole_schema || name.display() == wanted || name.table == wanted;
}

std::vector<model::TableName> select_tables(const model::DatabaseFacts& facts,
                                            const std::string& wanted) {
  std::vector<model::TableName> tables;
  for (const model::TableFacts& table : facts.tables) {
    const model::TableName name{table.schema, table.table};
    if (means_table(wanted, name)) tables.push_back(name);
  }
  return tables;
}

void keep_tables(const std::vector<std::string>& wanted,
                 std::vector<model::TableDefinition>& tables, std::set<std::string>& missing) {
  if (wanted.empty()) return;
  std::erase_if(tables, [&](const model::TableDefinition& table) {
    bool is_kept = false;
    for (const std::string& one : wanted) {
      if (!means_table(one, table.name)) continue;
      is_kept = true;
      missing.erase(one);
    }
    return !is_kept;
  });
}

void check_names(const model::Manifest& manifest, const InstanceRestoreOptions& options) {
  check_components(manifest, options);
  std::vector<std::string> tables;
  for (const auto& database : manifest.databases) {
    if (!is_wanted(options, database.name)) continue;
    for (const auto& table : database.tables)
      tables.push_back(model::TableName{table.schema, table.table}.display());
  }
  for (const std::string& wanted : options.tables) {
    const bool found =
        std::any_of(manifest.databases.begin(), manifest.databases.end(), [&](const auto& one) {
          return is_wanted(options, one.name) && !select_tables(one, wanted).empty();
        });
    if (found) continue;
    if (tables.size() > tables_told_max) {
      const std::size_t more = tables.size() - tables_told_max;
      tables.resize(tables_told_max);
      tables.push_back(fmt::format("and {} more", more));
    }
    throw Error(Errc::not_found, fmt::format("the copy has no table \"{}\"", wanted))
        .set_hint(fmt::format("It has: {}.", fmt::join(tables, ", ")));
  }
}

void check_single(const InstanceRestoreOptions& options, const RestorePlan& plan) {
  const std::string_view flag = options.sequence               ? "--sequence"
                                : !options.schema_file.empty() ? "--schema"
                                : options.data_only            ? "--data-only"
                                                               : "";
  if (flag.empty()) return;
  std::error_code unknown;
  if (!options.schema_file.empty() &&
      !std::filesystem::is_regular_file(options.schema_file, unknown))
    throw Error(Errc::not_found,
                fmt::format("{} is not there, or no file", options.schema_file.string()));
  // One that has no place is a finding.
  if (plan.databases.size() == 1 || (plan.databases.empty() && !plan.missing.empty())) return;
  throw Error(Errc::usage, fmt::format("{} is of one database, and {} are to be restored", flag,
                                       plan.databases.size()))
      .set_hint("Choose it with --component.");
}

void check_abilities(const InstanceRestoreOptions& options, const DatabaseTarget& database) {
  const engine::Abilities& abilities = database.probe.abilities;
  if (!database.tables.empty() && !abilities.tables)
    throw Error(Errc::unsupported,
                fmt::format("engine {} restores no single tables", database.settings.engine))
        .set_hint("Leave out --table, or choose other components with --component.");
  const auto refuse = [&](std::string_view flag, std::string_view what) {
    throw Error(Errc::usage, fmt::format("{}: {} {}", flag, database.settings.uri, what))
        .set_hint("Leave it out, or choose another component with --component.");
  };
  if (options.sequence && !abilities.sequences)
    refuse("--sequence", "has no log that could end at a record");
  if (!options.schema_file.empty() && !abilities.schemas) refuse("--schema", "takes no schema");
  if (options.data_only && !abilities.schemas) refuse("--data-only", "takes no data alone");
}

}  // namespace holdfast::job

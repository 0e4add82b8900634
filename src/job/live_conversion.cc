// SPDX-License-Identifier: Apache-2.0
#include "job/live_conversion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/registry.h"
#include "job/instance_steps.h"
#include "job/restore_choice.h"
#include "job/table_conversion.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

const model::DatabaseSettings* settings_of(const model::Instance& instance,
                                           const std::string& name) {
  const auto found = std::ranges::find(instance.databases, name, &model::DatabaseSettings::name);
  return found == instance.databases.end() ? nullptr : &*found;
}

// Refuses what would be moved in two ways at once.
const model::DatabaseSettings& target_of(const ProbedDatabase& database,
                                         const model::Instance& target) {
  const std::string& name = database.settings.name;
  const model::DatabaseSettings* const into = settings_of(target, name);
  if (into == nullptr)
    throw Error(Errc::usage,
                fmt::format("{} names no database {}, which the source has", target.file, name))
        .set_hint("Name its place there, or choose the others with --component.");
  if (into->engine == database.settings.engine)
    throw Error(Errc::usage,
                fmt::format("database {} is of engine {} on both sides, and others become "
                            "databases of another kind",
                            name, into->engine))
        .set_hint("Move them in two runs, each with --component.");
  return *into;
}

}  // namespace

bool changes_kinds(const model::Instance& source, const model::Instance& target,
                   const InstanceRestoreOptions& options) {
  if (source.profile != "custom" || target.profile != "custom") return false;
  return std::ranges::any_of(source.databases, [&](const model::DatabaseSettings& one) {
    const model::DatabaseSettings* const into = settings_of(target, one.name);
    return is_wanted(options, one.name) && into != nullptr && into->engine != one.engine;
  });
}

std::shared_ptr<const model::Conversion> convert_live(Survey& survey, const model::Instance& target,
                                                      const InstanceRestoreOptions& options,
                                                      const std::stop_token& stop) {
  std::vector<ConvertedTables> databases;
  std::vector<model::Finding> findings;
  std::set<std::string> missing(options.tables.begin(), options.tables.end());
  for (const ProbedDatabase& database : survey.databases) {
    ConvertedTables one;
    one.component = database.settings.name;
    one.into = target_of(database, target);
    engine::DefinedTables defined =
        in_context("looking at the tables of " + database.settings.uri,
                   [&] { return database.engine->define_database(database.endpoint, stop); });
    keep_tables(options.tables, defined.tables, missing);
    if (defined.tables.empty() && !options.tables.empty()) continue;
    one.own.insert(defined.own.begin(), defined.own.end());
    one.chosen = options.tables;
    if (defined.tables.empty())
      throw Error(Errc::not_found, fmt::format("database {} has no table", one.component));
    one.from = std::move(defined.tables);
    const engine::Engine* const into = engine::find_engine(one.into.engine);
    if (into == nullptr)
      throw Error(Errc::unsupported,
                  fmt::format("engine \"{}\" is not in this build", one.into.engine));
    const model::Endpoint endpoint = make_endpoint(one.into, stop);
    into->check_endpoint(endpoint);
    one.tables = in_context("designing tables for " + one.into.uri,
                            [&] { return into->design(endpoint, one.from); });
    std::ranges::move(notes_of_held(one), std::back_inserter(findings));
    if (!defined.left.empty()) {
      findings.push_back(finding_of(
          "migrate-tables-alone", model::Severity::warning, one.component,
          fmt::format("besides tables with their rows and keys: {}", fmt::join(defined.left, ", ")),
          "a database of another kind gets tables with their rows, primary and unique keys; the "
          "rest stays behind",
          "make there by hand what the application needs of it, before it is started"));
    }
    databases.push_back(std::move(one));
  }
  if (!missing.empty())
    throw Error(Errc::not_found, fmt::format("the source has no table \"{}\"", *missing.begin()));
  std::erase_if(survey.databases, [&](const ProbedDatabase& database) {
    return std::ranges::find(databases, database.settings.name, &ConvertedTables::component) ==
           databases.end();
  });
  return convert_tables(std::move(databases), std::move(findings));
}

}  // namespace holdfast::job

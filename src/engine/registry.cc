// SPDX-License-Identifier: Apache-2.0
// The list of engines, and what an engine without an own answer does.
#include "engine/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "engine/derby/derby.h"
#include "engine/h2/h2.h"
#include "engine/mariadb/mariadb.h"
#include "engine/oracle/oracle.h"
#include "engine/postgresql/postgresql.h"
#include "engine/sqlite/sqlite.h"
#include "engine/sqlserver/sqlserver.h"
#include "engine/typedb/typedb.h"

namespace holdfast::engine {

std::span<const Engine* const> all_engines() noexcept {
  static const std::array engines{&sqlite::engine(), &postgresql::engine(), &mariadb::engine(),
                                  &derby::engine(),  &h2::engine(),         &typedb::engine(),
                                  &oracle::engine(), &sqlserver::engine()};
  return engines;
}

const Engine* find_engine(std::string_view name) noexcept {
  const auto engines = all_engines();
  const auto found = std::find_if(engines.begin(), engines.end(),
                                  [&](const Engine* engine) { return engine->name() == name; });
  return found == engines.end() ? nullptr : *found;
}

std::unique_ptr<Filling> Engine::fill(const model::Endpoint& /*into*/,
                                      std::span<const model::NewTable> /*tables*/,
                                      const LoadOptions& /*options*/,
                                      std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported,
              "engine " + std::string(name()) + " takes no rows from another engine");
}

void Engine::describe_copy(const model::PartSource& /*parts*/, const model::Endpoint& /*endpoint*/,
                           const HoldOptions& /*options*/, model::DatabaseFacts& /*facts*/,
                           std::stop_token /*stop*/) const {}

std::vector<model::Finding> Engine::check_load(const model::DatabaseFacts& /*facts*/,
                                               const model::Endpoint& /*into*/,
                                               const LoadOptions& /*options*/,
                                               std::stop_token /*stop*/) const {
  return {};
}

std::vector<std::string> Engine::fit_beside(const model::DatabaseFacts& /*facts*/,
                                            model::Endpoint& into, LoadOptions& /*options*/,
                                            std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported,
              fmt::format("{}: the {} engine rehearses on no lent server", into.component, name()));
}

void Engine::harmonize(model::DatabaseFacts& /*expected*/, model::DatabaseFacts& /*found*/,
                       const LoadOptions& /*options*/) const {}

bool Engine::stands(const Json& /*undo*/, const model::Endpoint& /*into*/) const {
  return false;
}

void Engine::check_undo(const Json& /*undo*/, const model::Endpoint& /*into*/) const {}

std::optional<Engine::Installed> Engine::installed(const std::filesystem::path& /*place*/) const {
  return std::nullopt;
}

std::vector<model::TableDefinition> FileReader::define_tables(
    const std::filesystem::path& file, std::span<const std::filesystem::path> /*others*/,
    std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported,
              fmt::format("{}: tables of {} files are not moved alone", file.string(), name()));
}

std::vector<model::NewTable> Engine::design(
    const model::Endpoint& into, std::span<const model::TableDefinition> /*tables*/) const {
  throw Error(Errc::unsupported,
              fmt::format("{}: engine {} makes no tables for rows of foreign files", into.component,
                          name()));
}

void FileReader::inspect_tables(const std::filesystem::path& file,
                                std::span<const std::filesystem::path> others,
                                std::span<const model::TableName> tables, const model::RowTap& tap,
                                unsigned parallel, std::stop_token stop) const {
  std::atomic<std::size_t> next = 0;
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  for (std::size_t i = 0; i < std::min<std::size_t>(parallel, tables.size()); ++i) {
    crew.start([&](const std::stop_token& own) {
      for (std::size_t at = next++; at < tables.size(); at = next++) {
        if (own.stop_requested()) throw Error(Errc::cancelled, "interrupted");
        if (const auto rows = tap({}, tables[at]))
          inspect_rows(file, others, tables[at], *rows, own);
      }
    });
  }
  crew.join();
}

void FileReader::check_schema(const std::filesystem::path& file, std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported, fmt::format("{} compares no file with a schema, as that of {}",
                                             name(), file.string()));
}

std::vector<std::vector<std::string>> Engine::query_rows(const model::Endpoint& endpoint,
                                                         std::string_view /*sql*/,
                                                         std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported, fmt::format("{}: the {} engine answers no questions of a profile",
                                             endpoint.component, name()));
}

std::optional<std::uint64_t> Engine::execute(const model::Endpoint& endpoint,
                                             std::string_view /*sql*/,
                                             std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported, fmt::format("{}: the {} engine runs no statements of a profile",
                                             endpoint.component, name()));
}

bool Hold::fence(std::chrono::steady_clock::time_point /*deadline*/) {
  throw Error(Errc::unsupported, "this engine fences nobody: ability `fence`");
}

DefinedTables Engine::define_database(const model::Endpoint& endpoint,
                                      std::stop_token /*stop*/) const {
  throw Error(Errc::unsupported,
              fmt::format("{}: tables of {} databases are not moved into databases of another kind",
                          endpoint.component, name()));
}

void DefinedTables::leave(std::string_view kind, std::uint64_t count) {
  if (count > 0) left.push_back(fmt::format("{} ({})", kind, count));
}

void DefinedTables::keep_keys_of_rows() {
  std::uint64_t dropped = 0;
  for (model::TableDefinition& table : tables) {
    const auto is_column = [&](const std::string& name) {
      return std::ranges::find(table.columns, name, &model::ColumnDefinition::name) !=
             table.columns.end();
    };
    const auto is_of_rows = [&](const std::vector<std::string>& key) {
      return std::ranges::all_of(key, is_column);
    };
    if (!is_of_rows(table.primary_key)) {
      table.primary_key.clear();
      ++dropped;
    }
    dropped += std::erase_if(table.unique, [&](const auto& key) { return !is_of_rows(key); });
  }
  leave("keys on computed columns", dropped);
}

std::string Engine::mend(const model::Endpoint& endpoint, std::string_view code) const {
  throw Error(Errc::unsupported,
              fmt::format("{}: the {} engine mends no `{}`", endpoint.component, name(), code));
}

}  // namespace holdfast::engine

// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/postgresql.h"

#include "engine/postgresql/define.h"
#include "engine/postgresql/describe.h"
#include "engine/postgresql/design.h"
#include "engine/postgresql/grants.h"
#include "engine/postgresql/hold.h"
#include "engine/postgresql/inspect.h"
#include "engine/postgresql/load.h"
#include "engine/postgresql/load_checks.h"
#include "engine/postgresql/location.h"
#include "engine/postgresql/new_tables.h"
#include "engine/postgresql/probe.h"
#include "engine/postgresql/restore_text.h"
#include "engine/postgresql/scratch.h"

namespace holdfast::engine::postgresql {
namespace {

class PostgresqlEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "postgresql"; }
  void check_endpoint(const model::Endpoint& endpoint) const override {
    static_cast<void>(location_of(endpoint));
  }
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override {
    return probe_database(location_of(endpoint), application_of(endpoint), stop);
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override {
    return make_hold(endpoints, options);
  }

  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override {
    return load_parts(parts, facts, location_of(into), options, stop);
  }
  [[nodiscard]] std::unique_ptr<engine::Filling> fill(const model::Endpoint& into,
                                                      std::span<const model::NewTable> tables,
                                                      const LoadOptions& options,
                                                      std::stop_token stop) const override {
    return make_filling(location_of(into), tables, options, stop);
  }
  [[nodiscard]] std::vector<model::Finding> check_load(const model::DatabaseFacts& facts,
                                                       const model::Endpoint& into,
                                                       const LoadOptions& options,
                                                       std::stop_token stop) const override {
    return find_load_problems(facts, location_of(into), options, stop);
  }
  [[nodiscard]] std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                    model::Endpoint& into, LoadOptions& options,
                                                    std::stop_token stop) const override {
    return postgresql::fit_beside(facts, location_of(into), options, stop);
  }
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& options) const override {
    postgresql::harmonize(expected, found, options);
  }
  std::string undo(const Json& undo, const model::Endpoint& into) const override {
    return undo_load(undo, into);
  }
  [[nodiscard]] bool stands(const Json& undo, const model::Endpoint& into) const override {
    return load_stands(undo, into);
  }
  void check_undo(const Json& undo, const model::Endpoint& into) const override {
    check_load_undo(undo, into);
  }

  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    describe_database(location_of(endpoint), facts, 0, stop);
  }
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override {
    read_rows(location_of(endpoint), table, into, stop);
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override {
    return query_value(location_of(endpoint), sql);
  }
  [[nodiscard]] std::vector<std::vector<std::string>> query_rows(
      const model::Endpoint& endpoint, std::string_view sql, std::stop_token stop) const override {
    return query_texts(location_of(endpoint), sql, stop);
  }
  std::optional<std::uint64_t> execute(const model::Endpoint& endpoint, std::string_view sql,
                                       std::stop_token stop) const override {
    return run_statement(location_of(endpoint), sql, stop);
  }

  [[nodiscard]] std::unique_ptr<Scratch> scratch(
      const Probe& probe, const std::filesystem::path& directory) const override {
    return make_scratch(probe, directory);
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override {
    return grants_for(location_of(endpoint), purpose, application_of(endpoint));
  }

  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    return inspect_file(file, options.deep, stop);
  }
  [[nodiscard]] std::vector<model::NewTable> design(
      const model::Endpoint& /*into*/,
      std::span<const model::TableDefinition> tables) const override {
    return postgresql::design_tables(tables);
  }
  void inspect_rows(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    inspect_file_rows(file, table, into, stop);
  }
  LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override {
    return load_dump(file, location_of(into), options, stop);
  }
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override {
    return restore_paragraphs(facts);
  }
  // A server's data directory is not what is copied: databases are found by their URIs.
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& /*directory*/,
                                                 std::stop_token /*stop*/) const override {
    return {};
  }
  [[nodiscard]] DefinedTables define_database(const model::Endpoint& endpoint,
                                              std::stop_token stop) const override {
    return define_live_tables(location_of(endpoint), stop);
  }
};

}  // namespace

const Engine& engine() noexcept {
  static const PostgresqlEngine the_engine;
  return the_engine;
}

}  // namespace holdfast::engine::postgresql

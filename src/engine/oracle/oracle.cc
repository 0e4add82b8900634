// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/oracle.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/oracle/exp_inspect.h"
#include "engine/oracle/exp_set.h"
#include "engine/oracle/hold.h"
#include "engine/oracle/load.h"
#include "engine/oracle/location.h"
#include "engine/oracle/prerequisite_script.h"
#include "engine/oracle/probe.h"
#include "engine/oracle/pump_inspect.h"
#include "engine/oracle/statements.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;

bool is_exp(const fs::path& file) {
  return find_exp_set(file, {}).has_value();
}

// What a target is compared with before such a file is loaded.
void tell_target(Inspection& found, Method method) {
  found.version = found.facts.string_or(method == Method::exp ? "version" : "db_version", "");
  Json& facts = found.engine_facts;
  facts.set("method", method_name(method));
  const Json* const set = found.facts.find("database_charset");
  facts.set("character_set",
            set != nullptr ? set->string_or("name", "") : found.facts.string_or("charset", ""));
  facts.set("dump_of_dba", found.facts.bool_or("is_dba", false));
  if (!found.tables.empty()) facts.set("schema", found.tables.front().schema);
}

class OracleEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "oracle"; }
  void check_endpoint(const model::Endpoint& endpoint) const override {
    static_cast<void>(location_of(endpoint));
  }
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override {
    return probe_schema(endpoint, stop);
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override {
    return make_hold(endpoints, options);
  }
  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override {
    return load_schema(parts, facts, into, options, stop);
  }
  [[nodiscard]] std::vector<model::Finding> check_load(const model::DatabaseFacts& facts,
                                                       const model::Endpoint& into,
                                                       const LoadOptions& options,
                                                       std::stop_token stop) const override {
    return check_target(facts, into, options, stop);
  }
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& options) const override;
  std::string undo(const Json& undo, const model::Endpoint& into) const override {
    return undo_change(undo, into);
  }
  std::string mend(const model::Endpoint& endpoint, std::string_view code) const override {
    if (code == deferred_code) return materialize_segments(endpoint);
    return Engine::mend(endpoint, code);
  }
  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    describe_schema(endpoint, facts, stop);
  }
  void rows(const model::Endpoint& endpoint, const model::TableName& /*table*/,
            model::RowSink& /*into*/, std::stop_token /*stop*/) const override {
    throw Error(Errc::unsupported,
                fmt::format("{}: the oracle engine reads rows of dump files alone: ability `rows`",
                            endpoint.component));
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override;
  [[nodiscard]] std::vector<std::vector<std::string>> query_rows(
      const model::Endpoint& endpoint, std::string_view sql, std::stop_token stop) const override {
    return query_texts(endpoint, sql, stop);
  }
  std::optional<std::uint64_t> execute(const model::Endpoint& endpoint, std::string_view sql,
                                       std::stop_token stop) const override {
    return run_statement(endpoint, sql, stop);
  }
  [[nodiscard]] std::unique_ptr<Scratch> scratch(const Probe& /*probe*/,
                                                 const fs::path& /*directory*/) const override {
    throw Error(Errc::unsupported,
                "the oracle engine starts no server of its own: ability `scratch`");
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override {
    return grants_for(purpose, location_of(endpoint));
  }
  // What a file is shows in its first bytes.
  [[nodiscard]] std::optional<Inspection> inspect(const fs::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    const bool is_classic = is_exp(file);
    auto found = is_classic ? inspect_exp(file, options, stop) : inspect_pump(file, options, stop);
    if (found) tell_target(*found, is_classic ? Method::exp : Method::datapump);
    return found;
  }
  [[nodiscard]] std::vector<model::TableDefinition> define_tables(
      const fs::path& file, std::span<const fs::path> others, std::stop_token stop) const override {
    if (is_exp(file)) return define_exp_tables(file, others, stop);
    return define_pump_tables(file, others, stop);
  }
  void inspect_rows(const fs::path& file, std::span<const fs::path> others,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    if (is_exp(file)) return exp_rows(file, others, table, into, stop);
    pump_rows(file, others, table, into, stop);
  }
  void inspect_tables(const fs::path& file, std::span<const fs::path> others,
                      std::span<const model::TableName> tables, const model::RowTap& tap,
                      unsigned parallel, std::stop_token stop) const override {
    if (is_exp(file)) return exp_tables(file, others, tables, tap, stop);
    FileReader::inspect_tables(file, others, tables, tap, parallel, stop);
  }
  LoadReport import_file(const fs::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override {
    return import_foreign(file, into, options, stop);
  }
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override {
    return restore_text(facts);
  }
  [[nodiscard]] std::vector<Discovered> discover(const fs::path& /*directory*/,
                                                 std::stop_token /*stop*/) const override {
    return {};
  }

 private:
  static constexpr std::string_view deferred_code = "oracle-deferred-segments";
};

// Code has the same text wherever it is; what a server of another release words otherwise is its
// name alone. What a server counts by bytes of its own character set differs with that.
void OracleEngine::harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                             const LoadOptions& /*options*/) const {
  // Of a foreign dump they say of which schema, and what their values were; here there is but one
  // schema, and rows are counted. Its other objects are not told.
  for (model::DatabaseFacts* facts : {&expected, &found}) {
    for (model::TableFacts& table : facts->tables) {
      table.schema.clear();
      table.digest.clear();
    }
  }
  if (expected.objects.empty()) found.objects.clear();
  const bool are_alike =
      expected.engine_facts.is_object() && found.engine_facts.is_object() &&
      expected.version == found.version &&
      expected.engine_facts.string_or("schema", "") == found.engine_facts.string_or("schema", "") &&
      expected.engine_facts.string_or("character_set", "") ==
          found.engine_facts.string_or("character_set", "");
  if (are_alike) return;
  for (model::DatabaseFacts* facts : {&expected, &found})
    for (model::ObjectFacts& object : facts->objects) object.definition_sha256.clear();
}

std::string OracleEngine::query_one(const model::Endpoint& endpoint, std::string_view sql) const {
  const auto rows = query_texts(endpoint, sql, {});
  if (rows.size() != 1 || rows.front().size() != 1)
    throw Error(Errc::usage, fmt::format("{}: the query has not exactly one row of one column: {}",
                                         endpoint.component, sql));
  return rows.front().front();
}

}  // namespace

const Engine& engine() noexcept {
  static const OracleEngine the_engine;
  return the_engine;
}

}  // namespace holdfast::engine::oracle

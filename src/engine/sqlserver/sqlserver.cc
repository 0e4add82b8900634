// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/sqlserver.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/sqlserver/bak/bak_inspect.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/dac/dac_inspect.h"
#include "engine/sqlserver/define.h"
#include "engine/sqlserver/design.h"
#include "engine/sqlserver/grants.h"
#include "engine/sqlserver/location.h"
#include "engine/sqlserver/logical_hold.h"
#include "engine/sqlserver/logical_load.h"
#include "engine/sqlserver/new_tables.h"
#include "engine/sqlserver/physical/physical_hold.h"
#include "engine/sqlserver/physical/physical_load.h"
#include "engine/sqlserver/probe.h"
#include "engine/sqlserver/row_reader.h"
#include "engine/sqlserver/session.h"
#include "engine/sqlserver/statements.h"

namespace holdfast::engine::sqlserver {
namespace {

namespace fs = std::filesystem;

bool is_physical(const model::DatabaseFacts& facts) {
  return facts.engine_facts.is_object() && facts.engine_facts.string_or("method", "") == "physical";
}

// Who made an entry of the journal: "logical", "physical" or "new-tables".
std::string maker_of(const Json& undo) {
  return undo.string_or("sqlserver", "");
}

class SqlServerEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "sqlserver"; }
  void check_endpoint(const model::Endpoint& endpoint) const override {
    static_cast<void>(location_of(endpoint));
  }
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override {
    return probe_database(endpoint, std::move(stop));
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override;
  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override {
    refuse_mappings(options);
    return is_physical(facts) ? load_physical(parts, facts, into, options, stop)
                              : load_logical(parts, facts, into, options, stop);
  }
  [[nodiscard]] std::unique_ptr<Filling> fill(const model::Endpoint& into,
                                              std::span<const model::NewTable> tables,
                                              const LoadOptions& options,
                                              std::stop_token stop) const override {
    return make_filling(into, tables, options, stop);
  }
  [[nodiscard]] std::vector<model::Finding> check_load(const model::DatabaseFacts& facts,
                                                       const model::Endpoint& into,
                                                       const LoadOptions& options,
                                                       std::stop_token stop) const override {
    return is_physical(facts) ? check_physical_target(facts, into, options, stop)
                              : check_logical_target(facts, into, options, stop);
  }
  [[nodiscard]] std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                    model::Endpoint& into, LoadOptions& options,
                                                    std::stop_token stop) const override;
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& /*options*/) const override {
    if (is_physical(expected)) {
      harmonize_physical(expected, found);
    } else {
      harmonize_logical(expected, found);
    }
  }
  std::string undo(const Json& undo, const model::Endpoint& into) const override;
  [[nodiscard]] bool stands(const Json& undo, const model::Endpoint& into) const override {
    if (maker_of(undo) == "physical") return physical_stands(undo, into);
    return maker_of(undo) == "logical" && logical_stands(undo, into);
  }
  void check_undo(const Json& undo, const model::Endpoint& into) const override {
    if (maker_of(undo) == "physical") check_undo_physical(undo, into);
  }
  std::string mend(const model::Endpoint& endpoint, std::string_view code) const override {
    if (code == isolation_code) return mend_snapshot_isolation(endpoint);
    return Engine::mend(endpoint, code);
  }
  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    describe_database(endpoint, facts, stop);
  }
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override;
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override {
    return query_value(endpoint, sql);
  }
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
                "the sqlserver engine starts no server of its own: ability `scratch`")
        .set_hint("Name a server to rehearse on by [[drill.endpoint]].");
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override {
    const auto application = endpoint.options.find("application_user");
    return grants_for(
        purpose, location_of(endpoint),
        application == endpoint.options.end() ? std::string_view() : application->second);
  }
  [[nodiscard]] std::vector<model::NewTable> design(
      const model::Endpoint& into, std::span<const model::TableDefinition> tables) const override {
    Session session(location_of(into), into.password.get(), false);
    const ServerInfo server = read_server(session);
    return design_tables(
        tables, {.is_sql_server = server.is_sql_server, .major = static_cast<int>(server.major)});
  }
  [[nodiscard]] std::optional<Inspection> inspect(const fs::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    auto found = inspect_bak(file, options, stop);
    return found ? std::move(found) : inspect_dac(file, options, stop);
  }
  [[nodiscard]] std::vector<model::TableDefinition> define_tables(
      const fs::path& file, std::span<const fs::path> /*others*/,
      std::stop_token stop) const override {
    check_has_rows(file);
    return define_dac_tables(file, stop);
  }
  void inspect_rows(const fs::path& file, std::span<const fs::path> /*others*/,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    check_has_rows(file);
    dac_rows(file, table, into, stop);
  }
  void inspect_tables(const fs::path& file, std::span<const fs::path> /*others*/,
                      std::span<const model::TableName> tables, const model::RowTap& tap,
                      unsigned parallel, std::stop_token stop) const override {
    check_has_rows(file);
    dac_tables(file, tables, tap, parallel, stop);
  }
  LoadReport import_file(const fs::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override;
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override {
    return is_physical(facts) ? physical_instructions(facts) : logical_instructions(facts);
  }
  [[nodiscard]] std::vector<Discovered> discover(const fs::path& /*directory*/,
                                                 std::stop_token /*stop*/) const override {
    return {};  // its files say nothing to a client
  }
  [[nodiscard]] DefinedTables define_database(const model::Endpoint& endpoint,
                                              std::stop_token stop) const override {
    return define_live_tables(endpoint, stop);
  }

 private:
  static void check_has_rows(const fs::path& file) {
    if (!is_bak(file)) return;
    throw Error(Errc::unsupported,
                "rows of " + file.string() + " are not read: it holds the pages of a database")
        .set_hint("Restore it on a server, and export what is wanted from there.");
  }
  static void refuse_mappings(const LoadOptions& options) {
    if (options.owners.empty() && options.schemas.empty() && options.tablespaces.empty()) return;
    throw Error(Errc::unsupported,
                "the sqlserver engine maps neither owners nor schemas nor tablespaces");
  }
  static constexpr std::string_view isolation_code = "sqlserver-snapshot-isolation-off";
  [[nodiscard]] static std::string logical_instructions(const model::DatabaseFacts& facts);
};

// Databases that are held together are copied in the same way: it is part of Probe::server.
std::unique_ptr<Hold> SqlServerEngine::hold(std::span<const model::Endpoint> endpoints,
                                            const HoldOptions& options) const {
  check_rule(!endpoints.empty(), "a hold has databases");
  const model::Endpoint& first = endpoints.front();
  const Location location = location_of(first);
  Session session(location, first.password.get(), false, options.stop);
  return method_for(session, location) == Method::physical ? make_physical_hold(endpoints, options)
                                                           : make_logical_hold(endpoints, options);
}

std::vector<std::string> SqlServerEngine::fit_beside(const model::DatabaseFacts& /*facts*/,
                                                     model::Endpoint& into, LoadOptions& options,
                                                     std::stop_token /*stop*/) const {
  static_cast<void>(location_of(into));
  options.only_beside = true;
  return {"not made there and not compared: logins, and which of them users of the database are"};
}

std::string SqlServerEngine::undo(const Json& undo, const model::Endpoint& into) const {
  const std::string maker = maker_of(undo);
  if (maker == "physical") return undo_physical(undo, into);
  if (maker == "new-tables") {
    undo_new_tables(undo, into);
    return {};
  }
  if (maker == "logical") return undo_logical(undo, into);
  throw Error(Errc::corrupt, fmt::format("{}: the journal has a change of `{}`, which the "
                                         "sqlserver engine does not know",
                                         into.component, maker));
}

void SqlServerEngine::rows(const model::Endpoint& endpoint, const model::TableName& table,
                           model::RowSink& into, std::stop_token stop) const {
  Session session(location_of(endpoint), endpoint.password.get(), true, stop);
  // As the server takes names: in whatever case, and without a schema in the login's own. The whole
  // catalog is read for a table that is there only.
  const std::string name =
      (table.schema.empty() ? "" : identifier(table.schema) + ".") + identifier(table.table);
  const auto there = session.query(
      fmt::format("SELECT s.name, t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = "
                  "t.schema_id WHERE t.object_id = OBJECT_ID({})",
                  literal(name)));
  const Catalog catalog = there.empty() ? Catalog() : read_catalog(session);
  const CatalogTable* const found =
      there.empty() ? nullptr
                    : catalog.table({there[0].at(0).value_or(""), there[0].at(1).value_or("")});
  if (found == nullptr)
    throw Error(Errc::not_found,
                fmt::format("{}: there is no table {}", endpoint.component, table.display()));
  read_rows(session, found->rows(), into, stop);
}

LoadReport SqlServerEngine::import_file(const fs::path& file, const model::Endpoint& into,
                                        const LoadOptions& options, std::stop_token stop) const {
  refuse_mappings(options);
  if (is_bak(file)) return import_backup(file, into, options, stop);
  throw Error(Errc::unsupported, fmt::format("{} is no backup file of SQL Server", file.string()))
      .set_hint(
          "Rows of a package (.bacpac) go into a database by `holdfast migrate --from`, all "
          "else of it by SqlPackage.");
}

std::string SqlServerEngine::logical_instructions(const model::DatabaseFacts& facts) {
  return fmt::format(
      "`{0}` holds one database of a SQL Server, copied by rows: `schema.sql` makes its tables and "
      "all else, each of its\nstatements with a mark that says what it is, `prerequisites.sql` "
      "says which logins it needs, and `tables/` has the rows\nof each table in the form that "
      "packages (.bacpac) have them in, which `bcp` does not read. So\n\n"
      "    holdfast restore\n\nalone puts the rows back. Without it, `sqlcmd -d target -i "
      "{0}/schema.sql` makes the empty database again, and\n"
      "docs/sqlserver.md (\"Rows of a .bacpac\") says how the rows are written.\n",
      facts.directory);
}

}  // namespace

const Engine& engine() noexcept {
  static const SqlServerEngine the_engine;
  return the_engine;
}

}  // namespace holdfast::engine::sqlserver

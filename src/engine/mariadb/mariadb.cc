// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/mariadb.h"
#include "engine/mariadb/application.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/mariadb/accounts.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/content.h"
#include "engine/mariadb/define.h"
#include "engine/mariadb/design.h"
#include "engine/mariadb/greeting.h"
#include "engine/mariadb/hold.h"
#include "engine/mariadb/inspect.h"
#include "engine/mariadb/load.h"
#include "engine/mariadb/location.h"
#include "engine/mariadb/new_tables.h"
#include "engine/mariadb/privileges.h"
#include "engine/mariadb/probe.h"
#include "engine/mariadb/scratch.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/switch.h"
#include "engine/mariadb/target.h"
#include "engine/mariadb/target_privileges.h"

namespace holdfast::engine::mariadb {
namespace {

class MariadbEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "mariadb"; }
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
    refuse_mappings(options);
    return load_parts(parts, facts, into, options, stop);
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
    const Location location = location_of(into);
    Connection connection(location, into.password.get(), false, std::move(stop));
    std::vector<model::Finding> findings =
        target_findings(connection, facts.engine_facts, options.on_scratch);
    if (!options.on_scratch) {
      for (model::Finding& finding : privilege_findings(connection, location, facts, options))
        findings.push_back(std::move(finding));
    }
    for (model::Finding& finding : place_findings(connection, facts, options))
      findings.push_back(std::move(finding));
    if (!location.restores_grants && options.tables.empty() && !options.only_beside)
      add_grants_left(facts, findings);
    return findings;
  }
  [[nodiscard]] std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                    model::Endpoint& into, LoadOptions& options,
                                                    std::stop_token stop) const override;
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& options) const override;
  std::string undo(const Json& undo, const model::Endpoint& into) const override;
  [[nodiscard]] bool stands(const Json& undo, const model::Endpoint& into) const override;
  void check_undo(const Json& undo, const model::Endpoint& into) const override;
  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    describe_schema(location_of(endpoint), endpoint.password.get(), cores_available(), facts, stop);
  }
  void rows(const model::Endpoint& endpoint, const model::TableName& table, model::RowSink& into,
            std::stop_token stop) const override {
    read_live_rows(location_of(endpoint), endpoint.password.get(), table, into, std::move(stop));
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& endpoint,
                                      std::string_view sql) const override;
  [[nodiscard]] std::unique_ptr<Scratch> scratch(
      const Probe& probe, const std::filesystem::path& directory) const override {
    return start_scratch(probe, directory);
  }
  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override {
    const Location location = location_of(endpoint);
    const std::string version = greeted_version(location);
    const std::string user = application_user(endpoint);
    if (version.empty()) return grants_for(purpose, location, {}, user);
    return grants_for(purpose, location, server_kind(version), user);
  }
  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    return inspect_file(file, options.deep, stop);
  }
  [[nodiscard]] std::vector<model::NewTable> design(
      const model::Endpoint& into, std::span<const model::TableDefinition> tables) const override {
    Connection connection(location_of(into), into.password.get(), true);
    return mariadb::design_tables(
        tables, {.is_mariadb = connection.is_mariadb(),
                 .version_number = connection.version_number(),
                 .folds_tables = connection.number("SELECT @@lower_case_table_names") != 0});
  }
  void inspect_rows(const std::filesystem::path& file,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& table, model::RowSink& into,
                    std::stop_token stop) const override {
    inspect_file_rows(file, table, into, stop);
  }
  LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override {
    refuse_mappings(options);
    return load_dump(file, into, options, stop);
  }
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override;
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& /*directory*/,
                                                 std::stop_token /*stop*/) const override {
    return {};  // its files say nothing to a client
  }
  [[nodiscard]] DefinedTables define_database(const model::Endpoint& endpoint,
                                              std::stop_token stop) const override {
    const Location location = location_of(endpoint);
    Connection connection(location, endpoint.password.get(), false, std::move(stop));
    return define_live_tables(connection, location.schema);
  }

 private:
  static ServerKind server_kind(const std::string& version) {
    return {version.find("MariaDB") != std::string::npos, parse_version(version)};
  }
  // Rights that a restore leaves alone are lost on a server that lacks them: somebody must know.
  static void add_grants_left(const model::DatabaseFacts& facts,
                              std::vector<model::Finding>& findings) {
    const Json* const grants =
        facts.engine_facts.is_object() ? facts.engine_facts.find("grants") : nullptr;
    if (grants == nullptr || grants->as_array().empty()) return;
    findings.push_back(
        {"mariadb-grants-left", model::Severity::warning, facts.name,
         fmt::format("the copy has {} rights of accounts on the schema", grants->as_array().size()),
         "they are neither restored nor compared: the server's own accounts stay as they are",
         "set grants = \"restore\" for this database, or run grants.sql by hand",
         model::MendClass::manual, false, ""});
  }
  static void refuse_mappings(const LoadOptions& options) {
    if (options.owners.empty() && options.schemas.empty() && options.tablespaces.empty()) return;
    throw Error(Errc::unsupported,
                "the mariadb engine maps neither owners nor schemas nor tablespaces")
        .set_hint("The uri names the schema; the option `definer` maps definers.");
  }
};

// Servers of other series word definitions otherwise: of these the names alone are compared.
void MariadbEngine::harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                              const LoadOptions& /*options*/) const {
  // A dump of several schemas gave the one of the target's name.
  const bool several = std::any_of(expected.tables.begin(), expected.tables.end(),
                                   [](const auto& table) { return !table.schema.empty(); });
  if (several) {
    const std::string name = found.engine_facts.string_or("schema", "");
    std::erase_if(expected.tables, [&](const auto& table) { return table.schema != name; });
    for (model::TableFacts& table : expected.tables) table.schema.clear();
  }
  // Of a dump that others made only the rows are known.
  if (expected.objects.empty()) found.objects.clear();
  leave_out_unseen_grants(found, expected);
  if (words_alike(expected.engine_facts, found.engine_facts)) return;
  if (!expected.objects.empty())
    log(LogLevel::warn,
        "not compared: definitions, rights and values of sequences but their names, as servers of "
        "different series word them differently",
        {{"database", expected.name}});
  for (model::DatabaseFacts* facts : {&expected, &found}) {
    for (model::ObjectFacts& object : facts->objects) {
      if (object.kind != "counter") object.definition_sha256.clear();
    }
  }
}

// Nothing there acts in the name of an account that did not make it.
std::vector<std::string> MariadbEngine::fit_beside(const model::DatabaseFacts& facts,
                                                   model::Endpoint& into, LoadOptions& options,
                                                   std::stop_token stop) const {
  options.only_beside = true;
  into.options["definer"] = "current";
  into.options["grants"] = "leave";
  const Connection connection(location_of(into), into.password.get(), false, std::move(stop));
  std::vector<std::string> lines{
      "not made there and not compared: accounts and their rights; views and code are defined by "
      "our account, events are asleep"};
  Json there = Json::object();
  there.set("server_version", connection.version());
  if (!words_alike(facts.engine_facts, there))
    lines.push_back(fmt::format(
        "not compared: definitions and values of sequences but their names: {} words them "
        "differently",
        connection.version()));
  return lines;
}

std::string MariadbEngine::undo(const Json& undo, const model::Endpoint& into) const {
  if (const Json* scratch = undo.find("scratch")) {
    remove_scratch(scratch->as_string());
    return {};
  }
  Connection connection(location_of(into), into.password.get(), false);
  return undo_change(connection, undo);
}

bool MariadbEngine::stands(const Json& undo, const model::Endpoint& into) const {
  if (undo.find("scratch") != nullptr) return false;
  Connection connection(location_of(into), into.password.get(), false);
  return change_stands(connection, undo);
}

void MariadbEngine::check_undo(const Json& undo, const model::Endpoint& into) const {
  if (undo.find("scratch") != nullptr) return;
  Connection connection(location_of(into), into.password.get(), false);
  mariadb::check_undo(connection, undo);
}

std::string MariadbEngine::query_one(const model::Endpoint& endpoint, std::string_view sql) const {
  Connection connection(location_of(endpoint), endpoint.password.get(), true);
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::usage, fmt::format("{}: {}: {}", endpoint.component, why, sql));
  };
  // A read-only transaction refuses all that writes to tables; what commits by itself is refused
  // by its first word.
  const std::vector<Token> tokens = tokens_of(sql);
  bool reads = false;
  for (const Token& token : tokens) {
    if (token.kind == Token::Kind::space || token.kind == Token::Kind::comment ||
        token.is_symbol('('))
      continue;
    reads = token.is_word("SELECT") || token.is_word("WITH") || token.is_word("SHOW") ||
            token.is_word("VALUES") || token.is_word("TABLE") || token.is_word("CHECK");
    break;
  }
  // The server takes the words of some comments for statements.
  const bool stores = std::any_of(tokens.begin(), tokens.end(), [](const Token& token) {
    return token.is_word("INTO") || token.text.starts_with("/*!") || token.text.starts_with("/*M!");
  });
  if (stores) refuse("the query would write");
  if (!reads) refuse("the query would write, or is none");
  connection.run("START TRANSACTION READ ONLY");
  Rows rows = connection.stream(sql, Errc::usage);
  if (rows.columns() != 1) refuse("the query has not exactly one column");
  if (!rows.next()) refuse("the query has no row");
  std::string text(rows.field(0));
  if (rows.next()) refuse("the query has more than one row");
  return text;
}

// The schema's own name may be anything: what a shell reads has a name of ours.
std::string MariadbEngine::restore_instructions(const model::DatabaseFacts& facts) const {
  const bool names = facts.engine_facts.is_object();
  const Json* const broken = names ? facts.engine_facts.find("broken_views") : nullptr;
  std::string text = fmt::format(
      "`{0}` holds one schema of a MariaDB or MySQL server: its definitions as SQL scripts and one "
      "or more files\n"
      "of rows for each table, in the form of LOAD DATA. As a user who may do all (root), into a "
      "schema that is new, here\n"
      "`target`:\n\n"
      "    cd {0}\n"
      "    mariadb -e 'SET GLOBAL local_infile=1'\n"
      "    mariadb -e 'CREATE DATABASE target'\n"
      "    mariadb --comments --show-warnings --local-infile=1 target < restore.sql\n"
      "    mariadb --comments < grants.sql\n"
      "    cd ../..\n\n"
      "A warning tells of a row that did not fit. The rows come from files beside the client, "
      "which MySQL 8 forbids\n"
      "unless it is told: hence the first command, which needs SUPER (in MySQL "
      "SYSTEM_VARIABLES_ADMIN). Where it was\n"
      "OFF, `mariadb -e 'SET GLOBAL local_infile=0'` forbids it again. Where nobody may turn it "
      "on, "
      "`restore.sql` stops\n"
      "at its first table, and `holdfast restore` alone goes without it, by INSERT statements.\n"
      "The last command makes the accounts that are missing, with their passwords as hashes, and "
      "gives the rights on the\n"
      "schema, under the name that it had: call `target` so, or leave the command out.\n"
      "The client runs commands of the system that a script has (`\\!`, `system`): these scripts "
      "have none, look for such\n"
      "if others may have changed them.\n",
      facts.directory);
  if (broken != nullptr && !broken->as_array().empty())
    text += fmt::format(
        "Views that referred to what was not there when the copy was made are in "
        "`{}/broken.sql`; no script runs it.\n",
        facts.directory);
  return text;
}

}  // namespace

const Engine& engine() noexcept {
  static const MariadbEngine the_engine;
  return the_engine;
}

}  // namespace holdfast::engine::mariadb

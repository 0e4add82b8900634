// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/postgresql/catalog.h"
#include "engine/postgresql/databases.h"
#include "engine/postgresql/describe.h"
#include "engine/postgresql/dump_import.h"
#include "engine/postgresql/fill.h"
#include "engine/postgresql/large_objects.h"
#include "engine/postgresql/load_checks.h"
#include "engine/postgresql/load_tables.h"
#include "engine/postgresql/objects.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/scratch_server.h"
#include "engine/postgresql/server_checks.h"
#include "engine/postgresql/sql.h"
#include "engine/postgresql/target.h"
#include "engine/postgresql/target_checks.h"
#include "engine/postgresql/target_undo.h"

namespace holdfast::engine::postgresql {
namespace {

bool has_part(const std::vector<model::PartSource::Entry>& entries, std::string_view path) {
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return entry.path == path; });
}

void load_large_objects(Connection& connection, ByteSource& source) {
  LargeObjectWriter writer(connection);
  LineCutter lines([&](ByteView line) { writer.line(line); });
  Bytes buffer(256U << 10U);
  while (const std::size_t count = source.read(buffer)) lines.write(ByteView(buffer).first(count));
  lines.finish();
  writer.finish();
}

// The parts of a copy as what fills a database.
Filling filling_of(const model::PartSource& parts, const Json& facts, const NameMapping& mapping) {
  const std::vector<model::PartSource::Entry> entries = parts.list();
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& entry : entries) sizes[entry.path] = entry.size_bytes;
  Filling filling;
  const auto opener = [&](std::string path) {
    return [&parts, path = std::move(path)] { return parts.open(path); };
  };
  filling.pre_data = in_context("reading " + std::string(pre_data_part), [&] {
    return read_schema_script(*parts.open(pre_data_part), mapping);
  });
  filling.post_data = in_context("reading " + std::string(post_data_part), [&] {
    return read_schema_script(*parts.open(post_data_part), mapping);
  });
  const std::string encoding = facts.string_or("encoding", "UTF8");
  for (const Json& one : facts.at("tables").as_array()) {
    TableLoad table;
    table.name = {one.at("schema").as_string(), one.at("table").as_string()};
    for (const Json& column : one.at("columns").as_array())
      table.columns.push_back(column.as_string());
    table.encoding = encoding;
    for (const Json& part : one.at("parts").as_array()) {
      const std::string& path = part.as_string();
      const auto size = sizes.find(path);
      table.pieces.push_back({opener(path), size == sizes.end() ? 0 : size->second});
    }
    filling.tables.push_back(std::move(table));
  }
  if (has_part(entries, large_objects_part))
    filling.scripts.push_back(opener(std::string(large_objects_part)));
  if (has_part(entries, sequences_part))
    filling.scripts.push_back(opener(std::string(sequences_part)));
  if (has_part(entries, large_objects_data_part)) {
    filling.large_objects = [&parts](Connection& connection) {
      load_large_objects(connection, *parts.open(large_objects_data_part));
    };
  }
  return filling;
}

// The roles of the copy, on a server that is thrown away. What is there already stays as it is.
void make_roles(Connection& admin, ByteSource& globals) {
  ScriptReader reader(globals);
  while (const auto piece = reader.next()) {
    if (piece->kind != ScriptPiece::Kind::statement) continue;
    const std::vector<Token> tokens = tokens_of(piece->text, 8);
    const bool of_tablespace = std::any_of(
        tokens.begin(), tokens.end(), [](const Token& token) { return token.is("TABLESPACE"); });
    if (!of_tablespace) static_cast<void>(admin.attempt(piece->text));
  }
}

// Event triggers see nothing of what is done here, whatever they forbid; only superusers have any.
class EventTriggersAside {
 public:
  explicit EventTriggersAside(Connection& connection) : connection_(connection) {
    if (connection.value("SELECT pg_catalog.current_setting('is_superuser')") != "on") return;
    const Rows rows = connection.query(
        "SELECT pg_catalog.quote_ident(evtname), CASE evtenabled WHEN 'A' THEN 'ENABLE ALWAYS'"
        " WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END FROM pg_catalog.pg_event_trigger"
        " WHERE evtenabled <> 'D'");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string alter = fmt::format("ALTER EVENT TRIGGER {} ", rows.view(i, 0));
      connection.run(alter + "DISABLE");
      back_.push_back(alter + rows.text(i, 1));
    }
  }
  void put_back() const {
    for (const std::string& statement : back_) connection_.run(statement);
  }

 private:
  Connection& connection_;
  std::vector<std::string> back_;
};

void rename_schemas(const Location& place, const LoadOptions& options) {
  if (options.schemas.empty()) return;
  Connection connection(place);
  connection.run("BEGIN");
  const EventTriggersAside aside(connection);
  for (const auto& [old, name] : options.schemas) {
    const bool there =
        !connection.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", {old})
             .empty();
    if (!there) continue;
    // The schema `public` is in every new database, and is in the way if something becomes it.
    if (name == "public") {
      connection.run("SAVEPOINT holdfast");
      if (!connection.attempt("DROP SCHEMA public").empty())
        connection.run("ROLLBACK TO SAVEPOINT holdfast");
    }
    connection.run(fmt::format("ALTER SCHEMA {} RENAME TO {}", quote_name(old), quote_name(name)));
  }
  aside.put_back();
  connection.run("COMMIT");
}

// Policies that bind a table's owner too would keep rows from being proven by an owner who is no
// superuser.
class ForcedPoliciesAside {
 public:
  explicit ForcedPoliciesAside(const Location& place) : connection_(place) {
    const bool exempt = connection_.value(
                            "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles"
                            " WHERE rolname = current_user") == "t";
    if (exempt) return;
    const Rows rows = connection_.query(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.relrowsecurity AND c.relforcerowsecurity"
        " AND c.relkind = 'r' AND pg_catalog.pg_has_role(c.relowner, 'USAGE')");
    for (std::size_t i = 0; i < rows.size(); ++i)
      tables_.push_back(quote_name(model::TableName{rows.text(i, 0), rows.text(i, 1)}));
    for (const std::string& table : tables_)
      connection_.run(fmt::format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", table));
  }
  // And reads again what was to be seen only now.
  void put_back(model::DatabaseFacts& found) {
    if (tables_.empty()) return;
    for (const std::string& table : tables_)
      connection_.run(fmt::format("ALTER TABLE {} FORCE ROW LEVEL SECURITY", table));
    connection_.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    found.objects = list_objects(connection_, read_sequences(connection_));
    connection_.rollback();
  }

 private:
  Connection connection_;
  std::vector<std::string> tables_;
};

// What is in the place; nothing if nobody wants to know.
void prove(const Target& target, const model::DatabaseFacts& expected, const LoadOptions& options,
           LoadReport& report, const std::stop_token& stop) {
  const bool promises = !expected.tables.empty() || !expected.objects.empty();
  if (!promises && !options.leave_beside && !options.only_beside) return;
  in_context("proving what was restored", [&] {
    model::DatabaseFacts& found = report.found.emplace();
    ForcedPoliciesAside aside(target.place());
    describe_database(target.place(), found, options.parallel, stop);
    aside.put_back(found);
    target.correct(expected, found);
    if (!promises) return;
    for (const std::string& line : not_compared(expected, found, options)) {
      if (options.only_beside) {
        report.notes.push_back("not compared: " + line);
      } else {
        log(LogLevel::warn, "not compared: " + line, {{"database", target.place().component}});
      }
    }
    if (options.only_beside) return;
    const std::vector<std::string> lines = differences(expected, found, options);
    if (lines.empty()) return;
    throw Error(Errc::differs, fmt::format("{} differs from its manifest: {}", expected.name,
                                           fmt::join(lines, "; ")))
        .set_hint("Run `holdfast check --read-data` on the repository.");
  });
}

// Nobody else sees the place yet. What the copy itself would do at such changes it does not do as
// us: its triggers are its owner's. Where it does so all the same, for somebody who is no
// superuser, a statement that switches something off has to be seen to have done so.
void run_statements(const Location& place, const LoadOptions& options) {
  if (options.statements.empty()) return;
  in_context("changing what was restored", [&] {
    Connection connection(place);
    static_cast<void>(connection.attempt("SET session_replication_role = replica"));
    connection.run("BEGIN");
    for (const std::string& statement : options.statements) connection.query(statement);
    if (!options.takes_place) {
      for (const std::string& statement : options.statements) {
        connection.query(statement);
        if (connection.changed().value_or(0) == 0) continue;
        throw Error(Errc::differs, "what was set there did not stay: " + statement)
            .set_hint("Look for triggers and rules of its tables; nothing was put in place.");
      }
    }
    connection.run("COMMIT");
  });
}

// The endpoint of a place.
model::Endpoint endpoint_of(const Location& place) {
  model::Endpoint endpoint;
  endpoint.component = place.component;
  endpoint.engine = "postgresql";
  endpoint.uri = place.uri();
  endpoint.user = place.user;
  endpoint.password = place.password;
  endpoint.options.emplace("maintenance_database", place.maintenance_database);
  if (!place.bin_dir.empty()) endpoint.options.emplace("bin_dir", place.bin_dir.native());
  return endpoint;
}

std::vector<std::string> put_in_place(Target& target) {
  const auto kept = target.switch_in();
  if (!kept) return {};
  return {fmt::format("database {0}; drop it with: DROP DATABASE {0};", quote_name(*kept))};
}

// The database that is filled: what is asked of Target, and what is run on it.
struct WholeLoad {
  std::shared_ptr<Target> target;
  const DatabaseProperties* properties = nullptr;
  bool as_there = false;
  std::function<std::uint64_t(const Location&)> fill;
  std::function<void(Connection&)> about;  // what belongs to the database as such
};

// Fills a place, proves it and puts it where it belongs; whatever fails leaves things as they were.
LoadReport load_whole(const model::DatabaseFacts& facts, const WholeLoad& load,
                      const LoadOptions& options, const std::stop_token& stop) {
  const std::shared_ptr<Target>& target = load.target;
  LoadReport report;
  try {
    target->prepare(load.properties, load.as_there);
    report.rows = load.fill(target->place());
    rename_schemas(target->place(), options);
    target->finish([&](Connection& connection) {
      const EventTriggersAside aside(connection);
      load.about(connection);
      aside.put_back();
    });
    const auto filled = std::chrono::steady_clock::now();
    prove(*target, facts, options, report, stop);
    report.proof_time = std::chrono::steady_clock::now() - filled;
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", target->place().component));
    if (options.only_beside) {
      report.beside = endpoint_of(target->place());
      return report;
    }
    run_statements(target->place(), options);
    if (!options.leave_beside) report.kept = put_in_place(*target);
  } catch (const std::exception&) {
    target->give_up();
    throw;
  }
  if (!options.leave_beside) return report;
  report.switch_in = [target] { return put_in_place(*target); };
  report.switches_last = !target->is_new();
  return report;
}

}  // namespace

LoadReport load_parts(const model::PartSource& parts, const model::DatabaseFacts& facts,
                      const Location& into, const LoadOptions& options,
                      const std::stop_token& stop) {
  NameMapping mapping = mapping_of(options);
  if (!options.tables.empty()) return load_tables(parts, facts, into, options, stop);
  const auto target = std::make_shared<Target>(into, options, stop);
  refuse_problems(find_server_problems(target->admin(), facts.engine_facts, options));
  mapping.versions = extension_versions(target->admin(), facts.engine_facts);
  const Filling filling = filling_of(parts, facts.engine_facts, mapping);
  if (options.on_scratch && has_part(parts.list(), globals_part))
    make_roles(target->admin(), *parts.open(globals_part));
  const DatabaseProperties properties = properties_of(facts.engine_facts, mapping);
  WholeLoad load{target, &properties, false, {}, {}};
  load.fill = [&](const Location& place) {
    if (options.on_scratch) {
      Connection connection(place);
      // It belongs to the server's first role there, which dumps take for granted.
      if (connection.server_major() < 15)
        static_cast<void>(connection.attempt("ALTER SCHEMA public OWNER TO postgres"));
    }
    return fill_database(place, filling, mapping, options.parallel, stop);
  };
  load.about = [&](Connection& connection) {
    if (!has_part(parts.list(), database_part)) return;
    for (const SchemaStatement& statement : read_schema_script(*parts.open(database_part), mapping))
      run_in_transaction(connection, statement);
  };
  return load_whole(facts, load, options, stop);
}

std::string undo_load(const Json& undo, const model::Endpoint& into) {
  if (const Json* scratch = undo.find("scratch")) {
    remove_private_server(scratch->as_string());
    return {};
  }
  return undo_change(undo, location_of(into));
}

bool load_stands(const Json& undo, const model::Endpoint& into) {
  return undo.find("scratch") == nullptr && change_stands(undo, location_of(into));
}

void check_load_undo(const Json& undo, const model::Endpoint& into) {
  if (undo.find("scratch") == nullptr) check_change_undo(undo, location_of(into));
}

LoadReport load_dump(const std::filesystem::path& file, const Location& into,
                     const LoadOptions& options, const std::stop_token& stop) {
  if (!options.tables.empty()) {
    throw Error(Errc::unsupported, "single tables of a dump cannot be imported")
        .set_hint("Import the whole dump into a scratch database, or use pg_restore --table.");
  }
  const auto target = std::make_shared<Target>(into, options, stop);
  const NameMapping mapping = mapping_of(options);
  DumpImport import(file, into, options, stop);
  // A dump seldom says what the database itself is like; who has made one for it has.
  WholeLoad load{target, import.properties(), true, {}, {}};
  load.fill = [&](const Location& place) { return import.fill(place, mapping, stop); };
  load.about = [&](Connection& connection) { import.run_about_database(connection); };
  return load_whole(import.expected(), load, options, stop);
}

std::vector<std::string> fit_beside(const model::DatabaseFacts& facts, const Location& into,
                                    LoadOptions& options, const std::stop_token& stop) {
  Connection admin = connect_admin(into, stop);
  options.only_beside = true;
  map_to_server(admin, facts.engine_facts, options);
  return {"not made there and not compared: roles and tablespaces as such, and their settings"};
}

std::vector<model::Finding> find_load_problems(const model::DatabaseFacts& facts,
                                               const Location& into, const LoadOptions& options,
                                               const std::stop_token& stop) {
  Connection admin = connect_admin(into, stop);
  std::vector<model::Finding> findings = find_server_problems(admin, facts.engine_facts, options);
  for (model::Finding& finding :
       find_target_problems(admin, into, facts, mapping_of(options), options))
    findings.push_back(std::move(finding));
  if (!options.on_scratch) {
    for (model::Finding& finding : find_target_risks(admin)) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace holdfast::engine::postgresql

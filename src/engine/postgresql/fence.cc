// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/fence.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sqlstate.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;

// So many tables a statement: long lists are parsed in no time, and a time-out is noticed between.
constexpr std::size_t tables_at_once = 200;

std::int64_t milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                               std::chrono::steady_clock::now())
      .count();
}

// holdfast.fence() as `p`, whose makers are trusted. Whoever may make schemas can make a function
// of that name.
constexpr std::string_view trusted_function =
    "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
    " JOIN pg_roles po ON po.oid = p.proowner JOIN pg_roles no ON no.oid = n.nspowner"
    " JOIN pg_database d ON d.datname = pg_catalog.current_database()"
    " WHERE n.nspname = 'holdfast' AND p.proname = 'fence' AND p.pronargs = 0 AND p.prosecdef"
    " AND (po.rolsuper OR po.oid = d.datdba) AND (no.rolsuper OR no.oid = d.datdba)";

// Tables of the user's that this session does not keep writers out of.
std::uint64_t count_open_tables(Connection& connection) {
  return static_cast<std::uint64_t>(
      connection
          .query(fmt::format(
              "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
              " WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {}"
              " AND NOT EXISTS (SELECT FROM pg_depend d"
              "  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
              "  AND d.objid = c.oid AND d.deptype = 'e')"
              " AND c.oid NOT IN (SELECT l.relation FROM pg_locks l JOIN pg_database d"
              "  ON d.oid = l.database WHERE d.datname = pg_catalog.current_database()"
              "  AND l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'"
              "  AND l.mode = 'ShareLock' AND l.granted)",
              user_schemas))
          .integer(0, 0));
}

}  // namespace

FenceMeans find_fence_means(Connection& connection) {
  const Rows rows = connection.query(fmt::format(
      "SELECT pg_catalog.pg_is_in_recovery(),"
      " NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      "  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND {}"
      "  AND NOT pg_catalog.has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE'{})"
      "  AND NOT EXISTS (SELECT FROM pg_depend d"
      "   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid"
      "   AND d.deptype = 'e')),"
      " EXISTS (SELECT {} AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')"
      "  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE'))",
      user_schemas, connection.server_major() >= 17 ? " || ', MAINTAIN'" : "", trusted_function));
  if (rows.boolean(0, 0)) return FenceMeans::none;
  if (rows.boolean(0, 1)) return FenceMeans::tables;
  return rows.boolean(0, 2) ? FenceMeans::function : FenceMeans::none;
}

std::string lock_statement(const std::vector<const model::TableName*>& tables,
                           std::string_view mode, bool wait) {
  std::string list;
  for (const model::TableName* table : tables)
    list += (list.empty() ? "ONLY " : ", ONLY ") + quote_name(*table);
  return fmt::format("LOCK TABLE {} IN {} MODE{}", list, mode, wait ? "" : " NOWAIT");
}

bool lock_writers_out(Connection& connection, FenceMeans means, const std::vector<Table>& tables,
                      std::chrono::steady_clock::time_point deadline,
                      std::chrono::milliseconds silence_max) {
  const auto attempt = [&](const std::string& sql) {
    const std::int64_t left_ms = milliseconds_until(deadline);
    if (left_ms <= 0) return false;
    std::string message;
    const std::string state = connection.attempt(
        fmt::format("SET LOCAL lock_timeout = {0}; SET LOCAL statement_timeout = {0}; {1};"
                    " SET LOCAL statement_timeout = 0",
                    left_ms, sql),
        &message);
    // Lock time-out, statement time-out, deadlock; a table that has just gone is another try's.
    if (state == "55P03" || state == "57014" || state == "40P01" || state == "42P01" ||
        state == "3F000")
      return false;
    if (!state.empty())
      throw refusal(connection.location().component, "fencing: " + message, state);
    return true;
  };
  // Each statement sees what is there by then, whatever the role's own default is.
  connection.run(fmt::format(
      "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = {}",
      silence_max.count()));
  bool locked = true;
  if (means == FenceMeans::function) {
    locked = attempt("SELECT holdfast.fence()");
  } else {
    std::vector<const model::TableName*> chunk;
    for (std::size_t i = 0; i < tables.size() && locked; ++i) {
      if (!tables[i].of_extension) chunk.push_back(&tables[i].name);
      if (chunk.empty() || (chunk.size() < tables_at_once && i + 1 < tables.size())) continue;
      locked = attempt(lock_statement(chunk, "SHARE"));
      chunk.clear();
    }
    if (locked && !chunk.empty()) locked = attempt(lock_statement(chunk, "SHARE"));
  }
  // Only the locks themselves say that the function took them, and that no table is new.
  locked = locked && count_open_tables(connection) == 0;
  if (!locked) connection.rollback();
  return locked;
}

std::chrono::milliseconds deadlock_time(Connection& connection) {
  return std::chrono::milliseconds(
      connection
          .query("SELECT s.setting::int8 FROM pg_settings s WHERE s.name = 'deadlock_timeout'")
          .integer(0, 0));
}

bool has_fence_function(Connection& connection) {
  return connection.value(fmt::format("SELECT EXISTS (SELECT {})", trusted_function)) == "t";
}

std::string missing_fence_grants(Connection& connection, std::string_view role) {
  const Rows rows =
      connection.query(fmt::format("SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE'),"
                                   " pg_catalog.has_function_privilege(p.oid, 'EXECUTE') {}",
                                   trusted_function));
  if (rows.empty()) return "run what `holdfast grants backup` prints about holdfast.fence()";
  std::string statements;
  if (!rows.boolean(0, 0)) statements = fmt::format("GRANT USAGE ON SCHEMA holdfast TO {};", role);
  if (!rows.boolean(0, 1)) {
    statements += fmt::format("{}GRANT EXECUTE ON FUNCTION holdfast.fence() TO {};",
                              statements.empty() ? "" : "\n", role);
  }
  return statements;
}

std::string fence_function(std::string_view role, bool made) {
  const std::string lend = fmt::format(
      "GRANT USAGE ON SCHEMA holdfast TO {0};\n"
      "GRANT EXECUTE ON FUNCTION holdfast.fence() TO {0};\n",
      role);
  if (made) return lend;
  return fmt::format(
      "-- A schema of that name that somebody else has made is not to be trusted: look at it, "
      "then\n"
      "-- DROP SCHEMA holdfast CASCADE.\n"
      "BEGIN;\n"
      "CREATE SCHEMA holdfast;\n"
      "CREATE FUNCTION holdfast.fence() RETURNS void LANGUAGE plpgsql\n"
      "  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $holdfast$\n"
      "DECLARE\n"
      "  one record;\n"
      "BEGIN\n"
      "  -- Takes locks that keep writers out until the caller's transaction ends; nothing else.\n"
      "  FOR one IN SELECT n.nspname, c.relname FROM pg_class c\n"
      "      JOIN pg_namespace n ON n.oid = c.relnamespace\n"
      "      WHERE c.relkind = 'r' AND c.relpersistence <> 't'\n"
      "        AND {} ORDER BY 1, 2 LOOP\n"
      "    EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE MODE', one.nspname, one.relname);\n"
      "  END LOOP;\n"
      "END\n"
      "$holdfast$;\n"
      "REVOKE ALL ON FUNCTION holdfast.fence() FROM PUBLIC;\n"
      "{}COMMIT;\n",
      user_schemas, lend);
}

}  // namespace holdfast::engine::postgresql

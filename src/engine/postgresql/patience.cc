// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/patience.h"

#include <fmt/format.h>

#include "base/log.h"
#include "engine/postgresql/sqlstate.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

std::string who_locks(Connection& connection, std::string_view oids) {
  // Who is there now, and not when this transaction asked first.
  connection.run("SELECT pg_catalog.pg_stat_clear_snapshot()");
  const Rows rows = connection.query(fmt::format(
      "SELECT n.nspname, c.relname, l.pid, coalesce(a.usename, '?'),"
      " coalesce(nullif(a.application_name, ''), '?')"
      " FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
      " JOIN pg_namespace n ON n.oid = c.relnamespace"
      " JOIN pg_database d ON d.oid = l.database AND d.datname = pg_catalog.current_database()"
      " LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
      " WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'"
      " AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AND {}"
      // Before its index, or its TOAST table.
      " ORDER BY l.granted DESC, c.relkind IN ('i', 't'), a.xact_start LIMIT 1",
      oids.empty() ? "c.oid >= 16384" : fmt::format("l.relation IN ({})", oids)));
  if (rows.empty()) return "";
  return fmt::format("{} is locked by session {} of {} ({})",
                     model::TableName{rows.text(0, 0), rows.text(0, 1)}.display(), rows.view(0, 2),
                     rows.view(0, 3), rows.view(0, 4));
}

namespace {

// Whether somebody who has a relation for himself waits, directly or behind others, for what this
// session has.
bool is_waited_for(Connection& connection) {
  return connection.value(
             "WITH RECURSIVE waiting (pid) AS ("
             "  SELECT l.pid FROM pg_locks l WHERE NOT l.granted"
             "   AND pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(l.pid))"
             "  UNION SELECT l.pid FROM waiting w JOIN pg_locks l ON NOT l.granted"
             "   AND w.pid = ANY (pg_catalog.pg_blocking_pids(l.pid)))"
             " SELECT EXISTS (SELECT FROM waiting w JOIN pg_locks l ON l.pid = w.pid AND l.granted"
             "  AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock')") == "t";
}

}  // namespace

Error lock_refusal(const Connection& connection, std::string_view who) {
  Error error(Errc::unavailable,
              fmt::format("{}: lock timeout{}{}", connection.location().component,
                          who.empty() ? "" : ": ", who));
  error.set_hint("Let it end, or end it, and try again; see pg_locks.");
  return error;
}

std::optional<Rows> attempt_patiently(Connection& connection, std::string_view sql,
                                      std::string& state, std::string& message,
                                      const Patience& patience) {
  auto next_word = std::chrono::steady_clock::now();
  // The first try hardly waits: whoever is in the way may be waiting for us already.
  connection.run("SET LOCAL lock_timeout = 1; SAVEPOINT holdfast_patience");
  for (bool is_first = true;; is_first = false) {
    std::optional<Rows> rows = connection.attempt_query(sql, state, &message);
    const bool waited = !rows && (state == "55P03" || state == "40P01");
    if (!waited) {
      connection.run(
          fmt::format("{}RELEASE SAVEPOINT holdfast_patience; SET LOCAL lock_timeout = 0",
                      rows ? "" : "ROLLBACK TO SAVEPOINT holdfast_patience; "));
      return rows;
    }
    connection.run(
        fmt::format("ROLLBACK TO SAVEPOINT holdfast_patience; RELEASE SAVEPOINT holdfast_patience;"
                    " SET LOCAL lock_timeout = {}; SAVEPOINT holdfast_patience",
                    patience.slice.count()));
    const std::string who = who_locks(connection);
    if (is_waited_for(connection))
      throw lock_refusal(connection, who + (who.empty() ? "" : ", which waits for us"));
    const auto now = std::chrono::steady_clock::now();
    if (now >= patience.until) throw lock_refusal(connection, who);
    if (is_first || now < next_word) continue;
    next_word = now + patience.between_words;
    log(LogLevel::warn, "waiting for a lock",
        {{"component", connection.location().component}, {"because", who.empty() ? "?" : who}});
  }
}

Rows query_patiently(Connection& connection, std::string_view sql, const Patience& patience) {
  std::string state;
  std::string message;
  if (std::optional<Rows> rows = attempt_patiently(connection, sql, state, message, patience))
    return std::move(*rows);
  throw refusal(connection.location().component, message, state);
}

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/switch_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t name_characters_max = 64;
constexpr unsigned lock_wait_seconds = 5;
constexpr int attempts_max = 6;
constexpr auto end_wait = 60s;
constexpr unsigned error_no_such_thread = 1094;

// Ends sessions until there are none. `find`: what names those that are left, one in each row.
void end_all(Connection& connection, const std::string& find) {
  const auto deadline = std::chrono::steady_clock::now() + end_wait;
  while (true) {
    const auto sessions = connection.query(find);
    const bool any = !sessions.empty() && sessions[0].at(0).has_value();
    if (!any) return;
    for (const auto& session : sessions) {
      const auto failure = connection.try_run("KILL " + session.at(0).value_or("0"));
      if (failure && failure->number != error_no_such_thread) connection.raise(*failure);
    }
    if (std::chrono::steady_clock::now() > deadline)
      throw Error(Errc::unavailable,
                  fmt::format("{}: session {} does not end", connection.location().display(),
                              sessions[0].at(0).value_or("")));
    std::this_thread::sleep_for(20ms);
  }
}

// Who may hold locks: sessions with a transaction or a long statement.
std::string lock_holders(Connection& connection) {
  const std::string sql = fmt::format(
      "SELECT p.ID, p.USER, p.HOST, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) FROM "
      "information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = "
      "t.trx_mysql_thread_id WHERE p.ID <> {} ORDER BY t.trx_started LIMIT 3",
      connection.id());
  if (connection.try_run(sql)) return "";
  std::string text;
  for (const auto& line : connection.query(sql))
    text += fmt::format("{}session {} of {} at {}, in a transaction for {} s",
                        text.empty() ? "" : "; ", line[0].value_or(""), line[1].value_or(""),
                        line[2].value_or(""), line[3].value_or(""));
  return text;
}

}  // namespace

void add_session(Connection& connection, Json& undo) {
  const std::string name = "session" + random_suffix();
  if (connection.value(fmt::format("SELECT GET_LOCK({}, 0)", quote_text(name))) != "1")
    throw Error(Errc::unsupported, connection.location().display() + ": the server gives no lock");
  undo.set("server", server_identity(connection)).set("session_lock", name);
}

void refuse_other_server(Connection& connection, const Json& undo) {
  const std::string then = undo.string_or("server", "");
  const std::string now = server_identity(connection);
  if (then == now) return;
  const std::string beside = undo.string_or("beside", undo.string_or("schema", ""));
  if (!beside.empty() && schema_exists(connection, beside)) return;
  throw Error(Errc::not_found,
              fmt::format("the server of {} is another than the one that was changed ({}, not {})",
                          connection.location().display(), now, then))
      .set_hint(
          "Connect it to that one again. Or, if that is gone for good, remove the job's "
          "directory below `journals` in the state directory.");
}

void end_session(Connection& connection, const Json& undo) {
  refuse_other_server(connection, undo);
  const std::string lock = quote_text(undo.at("session_lock").as_string());
  end_all(connection, fmt::format("SELECT NULLIF(IS_USED_LOCK({}), CONNECTION_ID())", lock));
}

void end_sessions_in(Connection& connection, const std::string& schema) {
  end_all(connection,
          fmt::format("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = {} AND ID <> "
                      "CONNECTION_ID() AND COMMAND <> 'Sleep' AND USER = "
                      "SUBSTRING_INDEX(USER(), '@', 1)",
                      quote_text(schema)));
}

void make_impatient(Connection& connection) {
  connection.run(
      fmt::format("SET foreign_key_checks=0, lock_wait_timeout={0}, innodb_lock_wait_timeout={0}",
                  lock_wait_seconds));
}

bool is_lock_failure(const Failure& failure) noexcept {
  return failure.number == error_lock_wait_timeout || failure.number == error_deadlock ||
         failure.number == error_statement_timeout;
}

void try_patiently(Connection& connection, std::string_view what,
                   const std::function<std::optional<Failure>()>& try_once) {
  for (int attempt = 1;; ++attempt) {
    const auto failure = try_once();
    if (!failure) return;
    if (!is_lock_failure(*failure)) in_context(what, [&] { connection.raise(*failure); });
    connection.check_stop();
    if (attempt < attempts_max) {
      std::this_thread::sleep_for(500ms);
      continue;
    }
    const std::string holders = lock_holders(connection);
    throw Error(Errc::unavailable, fmt::format("{}: others use the tables{}", what,
                                               holders.empty() ? "" : " (" + holders + ")"))
        .set_hint(
            "Stop the application meanwhile, as [quiesce] in the instance file does. SHOW "
            "PROCESSLIST, by a user with PROCESS, tells who is connected.");
  }
}

std::optional<Failure> try_lock_tables(Connection& connection, const std::string& schema,
                                       const std::vector<std::string>& tables) {
  std::string list;
  for (const std::string& table : tables)
    list += (list.empty() ? "" : ", ") + quote_name(schema, table) + " WRITE";
  if (list.empty()) return std::nullopt;
  // The patience of a session is for each lock; those that it has already keep others waiting.
  if (connection.is_mariadb())
    connection.run(fmt::format("SET max_statement_time={}", lock_wait_seconds));
  auto failure = connection.try_run("LOCK TABLES " + list);
  if (connection.is_mariadb()) connection.run("SET max_statement_time=0");
  if (failure && is_lock_failure(*failure)) return failure;
  return std::nullopt;
}

std::string random_suffix() {
  std::array<std::byte, 6> random{};
  fill_random(random);
  return "_holdfast_" + to_hex(ByteView(random));
}

std::string with_suffix(std::string_view name, std::string_view suffix) {
  std::string cut;
  std::size_t characters = suffix.size();
  while (!name.empty()) {
    const std::size_t bytes = std::max<std::size_t>(decode_utf8(name).size_bytes, 1);
    if (++characters > name_characters_max) break;
    cut += name.substr(0, bytes);
    name.remove_prefix(bytes);
  }
  return cut + std::string(suffix);
}

std::string undone_suffix(std::string_view kept_suffix) {
  constexpr std::string_view before = "_before_";
  if (!kept_suffix.starts_with(before)) return "_undone" + random_suffix();
  return "_undone_" + std::string(kept_suffix.substr(before.size()));
}

bool is_there(Connection& connection, const std::string& schema) {
  if (schema_exists(connection, schema)) return true;
  const auto failure = connection.try_run("SHOW CREATE DATABASE " + quote_name(schema));
  if (!failure) return true;
  if (failure->number == error_unknown_database) return false;
  in_context(fmt::format("looking whether schema {} is there", schema),
             [&] { connection.raise(*failure); });
  return false;
}

std::vector<std::string> tables_in(Connection& connection, const std::string& schema) {
  std::vector<std::string> names;
  for (const auto& line : connection.query(
           fmt::format("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} "
                       "AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') ORDER BY TABLE_NAME",
                       quote_text(schema))))
    names.push_back(line[0].value_or(""));
  return names;
}

bool has_table(Connection& connection, const std::string& schema, const std::string& table) {
  const std::vector<std::string> names = tables_in(connection, schema);
  return std::find(names.begin(), names.end(), table) != names.end();
}

void drop_if_empty(Connection& connection, const std::string& schema) {
  if (!schema_exists(connection, schema) || !schema_is_empty(connection, schema)) return;
  // Who waits might drop what others have made meanwhile.
  static_cast<void>(connection.try_run("SET lock_wait_timeout=0"));
  static_cast<void>(connection.try_run("DROP DATABASE " + quote_name(schema)));
  make_impatient(connection);
}

void Renames::add(const std::string& from_schema, const std::string& from,
                  const std::string& to_schema, const std::string& to) {
  sql_ += fmt::format("{} {} TO {}", sql_.empty() ? "RENAME TABLE" : ",",
                      quote_name(from_schema, from), quote_name(to_schema, to));
}

std::optional<Failure> Renames::try_run(Connection& connection) const {
  return sql_.empty() ? std::nullopt : connection.try_run(sql_);
}

}  // namespace holdfast::engine::mariadb

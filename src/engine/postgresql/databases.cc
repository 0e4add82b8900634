// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/databases.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <thread>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sessions.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;

constexpr auto leave_wait = 15s;
constexpr std::size_t name_bytes_max = 63;

void drop_closed(Connection& admin, const std::string& name) {
  if (!oid_of(admin, name)) return;
  admin.run(fmt::format("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", quote_name(name)));
  // Subscriptions would keep it from being dropped. They are made without a slot, so they are
  // taken off without asking the other side; which needs a session.
  end_sessions(admin, name);
  std::string message;
  std::string state = admin.attempt(fmt::format("DROP DATABASE {}", quote_name(name)), &message);
  if (state == "55006") {  // in use
    end_sessions(admin, name);
    state = admin.attempt(fmt::format("DROP DATABASE {}", quote_name(name)), &message);
  }
  if (!state.empty() && state != "3D000")
    throw Error(Errc::io, fmt::format("database {} could not be dropped: {}", name, message));
}

}  // namespace

Connection connect_admin(const Location& into, const std::stop_token& stop) {
  // A database is not renamed by who is in it.
  if (into.database == into.maintenance_database)
    return Connection(into.with_database("template1"), stop);
  try {
    return Connection(into.with_database(into.maintenance_database), stop);
  } catch (const Error& error) {
    if (error.code() != Errc::not_found) throw;
    return Connection(into.with_database("template1"), stop);
  }
}

std::optional<std::int64_t> oid_of(Connection& admin, const std::string& name) {
  const Rows rows =
      admin.query("SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", {name});
  if (rows.empty()) return std::nullopt;
  return rows.integer(0, 0);
}

std::string system_of(Connection& admin) {
  if (!admin.attempt("SELECT FROM pg_catalog.pg_control_system()").empty()) return "";
  return admin.value(
      "SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()");
}

bool is_empty(Connection& connection, const std::string& mark) {
  return connection.value(
             "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
             "  ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND c.oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n"
             "  ON n.oid = t.typnamespace WHERE n.nspname !~ '^pg_' AND t.oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE oid >= 16384"
             "  AND nspname !~ '^pg_' AND nspname <> 'public' AND nspname <> " +
             quote_text(mark) +
             ")"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_data_wrapper WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_config WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_ts_dict WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_operator WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_cast WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_language WHERE oid >= 16384)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_default_acl)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_subscription s"
             "  JOIN pg_catalog.pg_database d ON d.oid = s.subdbid"
             "  WHERE d.datname = pg_catalog.current_database())"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger)"
             " AND NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)") == "t";
}

std::string random_digits() {
  std::array<std::byte, 4> bytes{};
  fill_random(bytes);
  return to_hex(bytes);
}

std::string random_suffix() {
  return "_holdfast_" + random_digits();
}

std::string with_suffix(std::string_view name, std::string_view suffix) {
  std::size_t room = suffix.size() < name_bytes_max ? name_bytes_max - suffix.size() : 0;
  if (name.size() > room) {
    // Not within a character: bytes that go on have the form 10xxxxxx.
    while (room > 0 && (static_cast<unsigned char>(name[room]) & 0xC0U) == 0x80U) --room;
    name = name.substr(0, room);
  }
  return std::string(name) + std::string(suffix);
}

std::string free_name(Connection& admin, const std::string& wanted) {
  std::string name = wanted;
  while (oid_of(admin, name)) name = with_suffix(wanted, random_suffix());
  return name;
}

void end_statements_on(Connection& admin, const std::string& name) {
  const auto deadline = std::chrono::steady_clock::now() + leave_wait;
  while (true) {
    const Rows left = admin.query(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
        " WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid()"
        " AND pg_catalog.strpos(query, $1) > 0",
        {quote_name(name)});
    if (left.empty()) return;
    if (std::chrono::steady_clock::now() > deadline)
      throw Error(Errc::unavailable, fmt::format("a statement on database {} does not end", name));
    std::this_thread::sleep_for(20ms);
  }
}

void drop_subscriptions(const Location& database) {
  Connection connection(database);
  const Rows names = connection.query(
      "SELECT s.subname FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
      " ON d.oid = s.subdbid WHERE d.datname = pg_catalog.current_database()");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = quote_name(names.view(i, 0));
    connection.run(fmt::format("ALTER SUBSCRIPTION {0} DISABLE", name));
    connection.run(fmt::format("ALTER SUBSCRIPTION {0} SET (slot_name = NONE)", name));
    connection.run(fmt::format("DROP SUBSCRIPTION {0}", name));
  }
}

void drop_database(Connection& admin, const Location& into, const std::string& name) {
  if (!oid_of(admin, name)) return;
  // An interrupted undo may have closed it already.
  static_cast<void>(admin.attempt(
      fmt::format("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", quote_name(name))));
  const Rows held = admin.query(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d"
      " ON d.oid = s.subdbid WHERE d.datname = $1",
      {name});
  if (held.integer(0, 0) > 0) drop_subscriptions(into.with_database(name));
  drop_closed(admin, name);
}

}  // namespace holdfast::engine::postgresql

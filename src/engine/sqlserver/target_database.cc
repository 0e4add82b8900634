// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/target_database.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "engine/sqlserver/database_place.h"
#include "engine/sqlserver/database_snapshot.h"
#include "engine/sqlserver/physical/backup_statement.h"
#include "engine/sqlserver/physical/physical_target.h"

namespace holdfast::engine::sqlserver {
namespace {

using namespace std::chrono_literals;

// Sessions of ours that have just been closed may still be there.
constexpr std::chrono::seconds switch_patience{10};
constexpr std::chrono::seconds undo_patience{30};
constexpr auto between_tries = 500ms;
constexpr const char* our_access = "MULTI_USER";  // of databases that we make

[[noreturn]] void refuse_in_use(Session& session, const std::string& database,
                                std::span<const Message> errors) {
  const std::vector<std::string> who = sessions_in(session, database);
  std::string said = errors.empty() ? "" : " (" + errors.front().display() + ")";
  throw Error(Errc::unavailable,
              who.empty() ? fmt::format("database {} cannot be had for us alone{}", database, said)
                          : fmt::format("database {} is in use by {}{}", database,
                                        fmt::join(who, "; "), said))
      .set_hint("Stop the application, or end these sessions, and try again.");
}

// Whether a database could not be had alone; servers that only speak the protocol have other
// numbers for it.
bool is_in_use(std::span<const Message> errors) {
  return std::ranges::any_of(errors, [](const Message& message) {
    return message.number == 5030 || message.text.find("exclusively") != std::string::npos;
  });
}

// For servers that only speak the protocol. Some count sessions that have ended for ones that use
// a database until others take their places, of which a new one takes the lowest, and tell only
// of as many places as there are sessions. So some are held meanwhile, in no database of ours.
std::vector<Message> rename_by_places(Session& session, const std::string& from,
                                      const std::string& to) {
  const std::string rename =
      fmt::format("ALTER DATABASE {} MODIFY NAME = {}", identifier(from), identifier(to));
  std::vector<std::unique_ptr<Session>> held;
  std::vector<Message> errors;
  for (const std::size_t places : {8U, 32U, 128U}) {
    try {
      while (held.size() < places) held.push_back(session.again());
    } catch (const Error&) {
      // It takes no more of them: so many may do.
    }
    errors = session.try_run(rename);
    if (errors.empty() || !is_in_use(errors) || !sessions_in(session, from).empty()) break;
  }
  return errors;
}

}  // namespace

std::string made_as(Session& session, const std::string& database) {
  return session.value(fmt::format(
      "SELECT CONVERT(varchar(20), database_id) + ' ' +"
      " ISNULL(CONVERT(varchar(40), service_broker_guid), '') FROM sys.databases WHERE name = {}",
      literal(database)));
}

std::string owner_of(Session& session, const std::string& database) {
  return session.value(fmt::format(
      "SELECT SUSER_SNAME(owner_sid) FROM sys.databases WHERE name = {}", literal(database)));
}

bool sees_sessions(Session& session) {
  const auto rights = session.try_query(
      "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE'),"
      " HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE')");
  if (!rights || rights->empty()) return false;
  const std::vector<Cell>& row = rights->front();
  if (row[0].value_or("") != "1" && row[1].value_or("") != "1") return false;
  return session.try_query("SELECT TOP (1) database_id FROM sys.dm_exec_sessions").has_value();
}

std::vector<std::string> sessions_in(Session& session, const std::string& database) {
  std::vector<std::string> who;
  const auto rows = session.try_query(
      fmt::format("SELECT program_name, login_name, host_name FROM sys.dm_exec_sessions"
                  " WHERE database_id = DB_ID({}) AND session_id <> @@SPID AND is_user_process = 1",
                  literal(database)));
  if (!rows) return who;
  for (const std::vector<Cell>& row : *rows)
    who.push_back(fmt::format("{} (login {}, from {})", row[0].value_or("a program"),
                              row[1].value_or("?"), row[2].value_or("?")));
  std::ranges::sort(who);
  const auto again = std::ranges::unique(who);
  who.erase(again.begin(), again.end());
  return who;
}

void create_database(Session& session, const ServerInfo& server, const std::string& database,
                     const std::string& collation, std::vector<std::string>& notes) {
  const Location& location = session.location();
  std::string sql = "CREATE DATABASE " + identifier(database);
  if (!location.data_directory.empty() || !location.log_directory.empty()) {
    const auto [data, log] = directories_of(session, location);
    const std::string stem = plain_name(database);
    sql += fmt::format(" ON PRIMARY (NAME = {}, FILENAME = {}) LOG ON (NAME = {}, FILENAME = {})",
                       literal(database), literal(server_path(data, stem + ".mdf")),
                       literal(database + "_log"), literal(server_path(log, stem + "_log.ldf")));
  }
  const std::string plain = sql;
  if (!collation.empty()) sql += " COLLATE " + collation;
  const auto errors = session.try_run(sql);
  if (errors.empty()) return;
  if (server.is_sql_server || collation.empty())
    session.raise(errors, "making database " + database, Errc::unsupported);
  in_context("making database " + database, [&] { session.run(plain, {}, Errc::unsupported); });
  notes.push_back(fmt::format("the server makes no database of collation {}: {}", collation,
                              errors.front().display()));
}

void drop_database(Session& session, const std::string& database) {
  if (made_as(session, database).empty()) return;
  static_cast<void>(session.try_run(fmt::format(
      "ALTER DATABASE {} SET SINGLE_USER WITH ROLLBACK IMMEDIATE", identifier(database))));
  session.run("DROP DATABASE " + identifier(database));
}

void rename_database(Session& session, const ServerInfo& server, const std::string& from,
                     const std::string& to, const std::string& access) {
  std::vector<Message> errors;
  if (server.is_sql_server) {
    // Nobody is thrown out: whoever is there is told of instead.
    Renamed made = rename_alone(session, from, to, access, Others::left);
    if (made.is_done) return;
    errors = std::move(made.errors);
    if (!made.was_ours) refuse_in_use(session, from, errors);
  } else {
    errors = rename_by_places(session, from, to);
    if (errors.empty()) return;
  }
  if (!sessions_in(session, from).empty()) refuse_in_use(session, from, errors);
  // Somebody who is just going, as our own sessions are; told so by servers without that number.
  session.raise(errors, fmt::format("renaming database {} to {}", from, to),
                is_in_use(errors) ? Errc::unavailable : Errc::unsupported);
}

namespace {

// Waits a while for whoever is still connected.
void rename_patiently(Session& session, const ServerInfo& server, const std::string& from,
                      const std::string& to, const std::string& access,
                      std::chrono::seconds patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  for (;;) {
    try {
      return rename_database(session, server, from, to, access);
    } catch (const Error& error) {
      // It may be done, and only whom it lets in not be mended.
      if (!error.retryable() || std::chrono::steady_clock::now() >= give_up ||
          made_as(session, from).empty())
        throw;
    }
    std::this_thread::sleep_for(between_tries);
  }
}

}  // namespace

Json names_to_keep(Session& session) {
  const auto names = [&](std::string_view sql) {
    Json list = Json::array();
    for (const std::vector<Cell>& row : session.query(sql)) list.push(row[0].value_or(""));
    return list;
  };
  return Json::object()
      .set("schemas", names("SELECT name FROM sys.schemas"))
      .set("principals", names("SELECT name FROM sys.database_principals"));
}

namespace {

// What drops everything, in an order in which most of it goes at once.
std::vector<std::string> drops_of(Session& session, const Json& kept) {
  std::vector<std::string> drops;
  const auto add = [&](std::string_view sql) {
    const auto rows = session.try_query(sql);
    if (!rows) return;
    for (const std::vector<Cell>& row : *rows) {
      if (row[0]) drops.push_back(*row[0]);
    }
  };
  const auto name = [](std::string_view alias) {
    return fmt::format("QUOTENAME(SCHEMA_NAME({0}.schema_id)) + '.' + QUOTENAME({0}.name)", alias);
  };
  add(
      fmt::format("SELECT 'ALTER TABLE ' + {} + ' SET (SYSTEM_VERSIONING = OFF)' FROM sys.tables t"
                  " WHERE t.temporal_type = 2",
                  name("t")));
  add("SELECT 'DROP TRIGGER ' + QUOTENAME(name) + ' ON DATABASE' FROM sys.triggers"
      " WHERE parent_class = 0 AND is_ms_shipped = 0");
  add(
      fmt::format("SELECT 'ALTER TABLE ' + {} + ' DROP CONSTRAINT ' + QUOTENAME(k.name)"
                  " FROM sys.foreign_keys k JOIN sys.tables t ON t.object_id = k.parent_object_id",
                  name("t")));
  struct Kind {
    std::string_view types, word;
  };
  for (const Kind& kind :
       {Kind{"'V'", "VIEW"}, Kind{"'P'", "PROCEDURE"}, Kind{"'FN', 'IF', 'TF'", "FUNCTION"},
        Kind{"'U'", "TABLE"}, Kind{"'SN'", "SYNONYM"}, Kind{"'SO'", "SEQUENCE"}})
    add(
        fmt::format("SELECT 'DROP {} ' + {} FROM sys.objects o WHERE o.type IN ({})"
                    " AND o.is_ms_shipped = 0",
                    kind.word, name("o"), kind.types));
  add(fmt::format("SELECT 'DROP TYPE ' + {} FROM sys.types t WHERE t.is_user_defined = 1",
                  name("t")));
  add(
      fmt::format("SELECT 'DROP XML SCHEMA COLLECTION ' + {} FROM sys.xml_schema_collections x"
                  " WHERE x.schema_id <> 4",
                  name("x")));
  const auto others = [&](std::string_view key) {
    std::string list;
    for (const Json& one : kept.at(key).as_array()) list += ", " + literal(one.as_string());
    return "(N''" + list + ")";
  };
  add(fmt::format("SELECT 'DROP SCHEMA ' + QUOTENAME(name) FROM sys.schemas WHERE name NOT IN {}",
                  others("schemas")));
  add(
      fmt::format("SELECT CASE type WHEN 'R' THEN 'DROP ROLE ' ELSE 'DROP USER ' END +"
                  " QUOTENAME(name) FROM sys.database_principals WHERE name NOT IN {}",
                  others("principals")));
  return drops;
}

}  // namespace

void clear_database(Session& session, const Json& kept) {
  std::size_t before = 0;
  for (;;) {
    const std::vector<std::string> drops = drops_of(session, kept);
    if (drops.empty()) return;
    std::vector<Message> errors;
    for (const std::string& drop : drops) {
      auto said = session.try_run(drop);
      if (!said.empty()) errors = std::move(said);
    }
    if (before == drops.size())
      session.raise(errors, "emptying database " + session.location().display());
    before = drops.size();
  }
}

namespace {

void tell_lost_properties(Session& session, const Arriving& arriving,
                          std::vector<std::string>& left_out) {
  const auto rows = session.try_query(
      fmt::format("SELECT COUNT(*) FROM {}.sys.extended_properties", identifier(arriving.place)));
  if (!rows || rows->empty()) return;
  const std::string count = rows->front()[0].value_or("0");
  if (std::strtoull(count.c_str(), nullptr, 10) >= arriving.properties) return;
  left_out.push_back(fmt::format(
      "{} of {} extended properties are seen: this server loses them when a database is renamed; "
      "schema.sql of the copy has the statements that make them",
      count, arriving.properties));
}

}  // namespace

std::vector<std::string> switch_in(Session& session, const ServerInfo& server,
                                   const Arriving& arriving, const Announce& announce,
                                   std::vector<std::string>& left_out) {
  const bool replaces = !arriving.kept.empty();
  const std::string access = replaces ? access_of(session, arriving.place) : "";
  announce(replaces ? fmt::format("put database {} in its place, the old one is kept as {}",
                                  arriving.place, arriving.kept)
                    : fmt::format("put database {} in its place", arriving.place),
           Json::object()
               .set("sqlserver", "logical")
               .set("kind", "switch")
               .set("place", arriving.place)
               .set("beside", arriving.beside)
               .set("kept", arriving.kept)
               .set("made_as", made_as(session, arriving.beside))
               .set("kept_made_as", replaces ? made_as(session, arriving.place) : "")
               .set("kept_access", access));
  std::vector<std::string> lines;
  // Servers that only speak the protocol wait for some seconds themselves at each try.
  const auto patience = server.is_sql_server ? switch_patience : undo_patience;
  if (replaces) {
    rename_patiently(session, server, arriving.place, arriving.kept, access, patience);
    lines.push_back(fmt::format("database {}; drop it with: DROP DATABASE {}", arriving.kept,
                                identifier(arriving.kept)));
  }
  try {
    rename_patiently(session, server, arriving.beside, arriving.place, our_access, patience);
  } catch (const Error&) {
    if (replaces && made_as(session, arriving.place).empty())
      rename_patiently(session, server, arriving.kept, arriving.place, access, patience);
    throw;
  }
  if (!server.is_sql_server && arriving.properties > 0)
    tell_lost_properties(session, arriving, left_out);
  if (arriving.owner.empty() || arriving.owner == owner_of(session, arriving.place)) return lines;
  const std::string sql = fmt::format("ALTER AUTHORIZATION ON DATABASE::{} TO {}",
                                      identifier(arriving.place), identifier(arriving.owner));
  const auto errors = session.try_run(sql);
  if (!errors.empty())
    left_out.push_back(fmt::format("the database's owner is not {}: {}; whoever may can run: {}",
                                   arriving.owner, errors.front().display(), sql));
  return lines;
}

namespace {

// What was put in place may have been written to since: it is never dropped.
std::string undo_switch(Session& session, const Json& undo) {
  const ServerInfo server = read_server(session);
  const std::string place = undo.at("place").as_string();
  const std::string kept = undo.at("kept").as_string();
  std::string line;
  const std::string now = made_as(session, place);
  if (!now.empty() && now == undo.at("made_as").as_string()) {
    const std::string undone = random_name(place);
    rename_patiently(session, server, place, undone, our_access, undo_patience);
    line = fmt::format(
        "what had been put in place of database {} stays as {}, as it may have been "
        "written to; drop it with: DROP DATABASE {}",
        place, undone, identifier(undone));
  }
  if (kept.empty()) return line;
  const std::string& kept_made_as = undo.at("kept_made_as").as_string();
  const std::string access = undo.string_or("kept_access", our_access);
  if (made_as(session, kept) != kept_made_as) {
    // It was not renamed yet, or is back.
    if (server.is_sql_server && made_as(session, place) == kept_made_as)
      let_in(session, place, access);
    return line;
  }
  if (!made_as(session, place).empty())
    throw Error(Errc::exists,
                fmt::format("there is a database {} again; the old one stays as {}", place, kept))
        .set_hint("Look at both and rename the right one.");
  rename_patiently(session, server, kept, place, access, undo_patience);
  return line;
}

}  // namespace

std::string undo_on_target(const Json& undo, const Location& location, const Secret* password) {
  const std::string kind = undo.at("kind").as_string();
  Session session(location, password, false);
  if (kind == "beside") {
    for (const Json& name : undo.at("databases").as_array())
      drop_database(session, name.as_string());
    return {};
  }
  if (kind == "switch") return undo_switch(session, undo);
  if (kind != "filled")
    throw Error(Errc::corrupt, fmt::format("the journal names a change `{}` of sqlserver", kind));
  const std::string database = undo.at("database").as_string();
  if (made_as(session, database) != undo.at("made_as").as_string()) return {};
  Location inside = location;
  inside.database = database;
  Session in_database(inside, password, true);
  clear_database(in_database, undo.at("keep"));
  return {};
}

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/database_snapshot.h"

#include <fmt/format.h>

#include <array>
#include <exception>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace holdfast::engine::sqlserver {
namespace {

// Of UTF-16; we count bytes, which are as many at least.
constexpr std::size_t name_units_max = 128;

// Azure SQL Database and its kin make none.
constexpr bool may_have_snapshots(const ServerInfo& server) noexcept {
  return server.is_sql_server && server.edition <= 4;
}

std::string random_digits() {
  std::array<std::byte, 6> random{};
  fill_random(random);
  return to_hex(random);
}

}  // namespace

std::string with_suffix(const std::string& database, std::string_view suffix) {
  std::size_t size = std::min(database.size(), name_units_max - suffix.size());
  while (size > 0 && size < database.size() &&
         (static_cast<unsigned char>(database[size]) & 0xC0U) == 0x80)
    --size;
  return database.substr(0, size) + std::string(suffix);
}

std::string random_name(const std::string& database) {
  return with_suffix(database, "_holdfast_" + random_digits());
}

std::unique_ptr<DatabaseSnapshot> DatabaseSnapshot::make(Session& session, const ServerInfo& server,
                                                         std::shared_ptr<const Secret> password,
                                                         const Announce& announce,
                                                         std::string& why) {
  if (!may_have_snapshots(server)) {
    why = fmt::format("{} makes no database snapshots", server.product);
    return nullptr;
  }
  const std::string of = session.location().database;
  const auto files = session.try_query(
      "SELECT name, physical_name, type FROM sys.database_files WHERE type IN (0, 2)"
      " ORDER BY file_id");
  if (!files || files->empty()) {
    why = "the server does not show the database's files";
    return nullptr;
  }
  Location location = session.location();
  location.database = random_name(of);
  const std::string suffix = ".holdfast_" + random_digits();
  std::string list;
  for (const std::vector<Cell>& file : *files) {
    if (file[2].value_or("") != "0") {
      why = "a database snapshot does not show what is kept as FILESTREAM or in memory";
      return nullptr;
    }
    list += fmt::format("{}(NAME = {}, FILENAME = {})", list.empty() ? "" : ", ",
                        identifier(file[0].value_or("")), literal(file[1].value_or("") + suffix));
  }
  if (announce)
    announce(fmt::format("make the database snapshot {} of {}", location.database, of),
             Json::object()
                 .set("sqlserver", "logical")
                 .set("kind", "snapshot")
                 .set("database", location.database)
                 .set("of", of));
  const auto errors =
      session.try_run(fmt::format("CREATE DATABASE {} ON {} AS SNAPSHOT OF {}",
                                  identifier(location.database), list, identifier(of)));
  session.check_stop();
  if (!errors.empty()) {
    why = errors.front().display();
    return nullptr;
  }
  return std::unique_ptr<DatabaseSnapshot>(
      new DatabaseSnapshot(std::move(location), of, std::move(password)));
}

DatabaseSnapshot::~DatabaseSnapshot() {
  try {
    Session session(location_, password_.get(), false);
    drop_snapshot(session, location_.database, of_);
  } catch (const std::exception& error) {
    log(LogLevel::warn, "a database snapshot could not be dropped",
        {{"database", location_.database}, {"why", error.what()}});
  }
}

void DatabaseSnapshot::check_there(const Error& failed) const {
  std::string state;
  try {
    Session session(location_, password_.get(), false);
    state = session.value("SELECT state_desc FROM sys.databases WHERE name = " +
                          literal(location_.database));
  } catch (const Error&) {
    return;  // what failed says enough
  }
  if (state == "ONLINE") return;
  throw Error(
      Errc::unavailable,
      fmt::format("the database snapshot {}, which held the moment of {}, is {}: {}",
                  location_.database, of_, state.empty() ? "gone" : state, failed.message()))
      .set_hint(
          "Somebody dropped it, or its sparse files filled the server's disk: make room "
          "there, or set isolation = \"session\".");
}

void drop_snapshot(Session& session, const std::string& name, const std::string& of) {
  const std::string found = session.value(
      fmt::format("SELECT COUNT(*) FROM sys.databases d JOIN sys.databases s"
                  " ON s.database_id = d.source_database_id WHERE d.name = {} AND s.name = {}",
                  literal(name), literal(of)));
  if (found == "0") return;
  session.run("DROP DATABASE " + identifier(name));
}

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
// Databases of a target server as a load makes, renames and drops them; its session is in none of
// them, but in one of a SQL Server while it is renamed.
//
// Source: Transact-SQL Reference, CREATE DATABASE, ALTER DATABASE (MODIFY NAME, SET SINGLE_USER
// WITH NO_WAIT), sys.databases, sys.dm_exec_sessions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/sqlserver/catalog.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

using Announce = std::function<void(std::string_view what, const Json& undo)>;

// By which it is known under any name: its number, and the identifier that its broker got when it
// was made, as numbers are given again. Empty if there is no such database. Not its create_date,
// which a new name changes.
[[nodiscard]] std::string made_as(Session& session, const std::string& database);
// The login that owns it; empty if that cannot be told.
[[nodiscard]] std::string owner_of(Session& session, const std::string& database);
// Whether sessions_in() sees those of others: it takes VIEW SERVER STATE, or since 2022 VIEW SERVER
// PERFORMANCE STATE, and SQL Server 2012 or later.
[[nodiscard]] bool sees_sessions(Session& session);
// Who is connected to it but us: "shop (login app, from db2)". Nobody where that is not seen.
[[nodiscard]] std::vector<std::string> sessions_in(Session& session, const std::string& database);

// With the copy's collation, in the location's directories. What a server that is none of SQL
// Server's does not take is told in `notes`.
void create_database(Session& session, const ServerInfo& server, const std::string& database,
                     const std::string& collation, std::vector<std::string>& notes);
// Of our own making: whoever is in it is thrown out. No error if it is not there.
void drop_database(Session& session, const std::string& database);
// Errc::unavailable, naming who is connected, if it is in use. `access`: as of let_in(). Leaves the
// session in the master of a SQL Server.
void rename_database(Session& session, const ServerInfo& server, const std::string& from,
                     const std::string& to, const std::string& access);

// Drops all that a database holds but the schemas and principals that are named: it was empty but
// for these. The session is in it.
void clear_database(Session& session, const Json& kept);
// Those that are there now, for clear_database().
[[nodiscard]] Json names_to_keep(Session& session);

// What stands beside, is proven, and goes into its place.
struct Arriving {
  std::string beside, place;
  std::string kept;   // what is replaced is then called so; empty: nothing is
  std::string owner;  // empty: ours
  // Texts attached to its objects, which servers that only speak the protocol may lose when it is
  // renamed.
  std::size_t properties = 0;
};
// Lines for LoadReport::kept; `left_out` gains what could not be done afterwards.
[[nodiscard]] std::vector<std::string> switch_in(Session& session, const ServerInfo& server,
                                                 const Arriving& arriving, const Announce& announce,
                                                 std::vector<std::string>& left_out);
// The undo of the entries that the above and load_logical() announce: "beside", "filled",
// "switch". As Engine::undo.
[[nodiscard]] std::string undo_on_target(const Json& undo, const Location& location,
                                         const Secret* password);

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
// An empty database that is filled where it stands, by a role that may make none: what it was like
// before, and making it so again. Until it is done it bears a mark, is closed to everybody but its
// owner, and read-only. Without the mark it is somebody's, and never emptied.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/postgresql/connection.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {

// Of a database: role or "all", and "name=value".
using Settings = std::set<std::pair<std::string, std::string>>;

// What the connection's role may not take away from its database: settings of single roles, and
// those that only superusers change.
[[nodiscard]] Settings lasting_settings(Connection& connection);

// What belongs to the connection's database as such, as statements for a database `name`:
// {"database": settings (but those), comment and grants, "public": its schema `public`}. The latter
// is empty if that is not ours to change, as up to version 14.
[[nodiscard]] Json remember_database(Connection& connection, const std::string& name,
                                     const Settings& but = {});
// Gives that to a database. Returns the statements that were refused.
std::vector<std::string> give_settings(Connection& connection, const Json& statements);
std::vector<std::string> give_public(Connection& connection, const Json& statements);

// The mark is a schema of that name. It says whether what lies in the database is ours. Being the
// last that is taken away, it also tells an interrupted clear_marked() from one that is done.
enum class Mark : std::uint8_t { none, closed, ours };
[[nodiscard]] Mark mark_of(Connection& connection, const std::string& name);

// Marks it and gives it the settings, grants and comment of a new one, but closed and read-only.
void close_marked(Connection& connection, const std::string& name);
// It was found empty once nobody else could write to it: all that comes is ours.
void mark_ours(Connection& connection, const std::string& name);
// As if nothing had been done.
void open_again(Connection& connection, const std::string& name, const Json& before);

// What run_closed() saw while the database was open to nobody but it.
struct ClosedView {
  Json opening;  // the statements that open it
  Settings settings;
};
// Runs `about`, which may change settings and grants of the database. None of the grants is in
// force afterwards.
[[nodiscard]] ClosedView run_closed(Connection& connection,
                                    const std::function<void(Connection&)>& about);
// In one transaction: all is in force, and the mark is gone.
void open_filled(Connection& connection, const std::string& name, const Json& opening);

// Settings as list_objects() says them.
[[nodiscard]] std::vector<model::ObjectFacts> objects_of(const Settings& settings);

// Takes everything of a user's out of the database and the mark last. In many transactions, as the
// server's table of locks is small.
void clear_marked(Connection& connection, const std::string& name, const Json& before);

}  // namespace holdfast::engine::postgresql

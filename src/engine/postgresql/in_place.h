// SPDX-License-Identifier: Apache-2.0
// An empty database that is filled where it stands, by a role that may make none: what it was like
// before, and making it so again. What is filled bears a mark that nothing else has; without the
// mark it is somebody's, and never emptied.
#pragma once

#include <string>

#include "base/json.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// Settings, grants and comment of the empty database and of its schema `public`.
[[nodiscard]] Json remember_empty(Connection& connection);

// Gives it the settings, grants and comment of a new one, so that it has the copy's afterwards.
void make_plain(Connection& connection);

// The mark: a schema of that name. Being the last that is taken away, it also tells an interrupted
// clear_marked() from one that is done.
void mark(Connection& connection, const std::string& name);
[[nodiscard]] bool is_marked(Connection& connection, const std::string& name);
void unmark(Connection& connection, const std::string& name);

// Takes everything of a user's out of the database and the mark last. In many transactions, as the
// server's table of locks is small.
void clear_marked(Connection& connection, const std::string& name, const Json& before);

}  // namespace holdfast::engine::postgresql

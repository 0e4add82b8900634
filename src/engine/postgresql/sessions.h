// SPDX-License-Identifier: Apache-2.0
// Getting others out of a database, and renaming databases that others want to use meanwhile.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// Ends the sessions of others in a database and waits until they are gone. Workers of the server's
// own (autovacuum), which only superusers may end, are left to it: it ends them for RENAME and
// DROP. Errc::denied naming a session that we may not end, unavailable for one that does not go.
void end_sessions(Connection& admin, const std::string& database);

struct DatabaseRename {
  std::string from, to;
};
// Renames all of them in one transaction, in their order, and ends whoever is there or comes
// meanwhile by a session of its own. Newcomers wait for the transaction and are refused after it.
// Nothing is changed that would outlive us: killed at any time, all or none are renamed.
void rename_databases(Connection& admin, const Location& into,
                      std::span<const DatabaseRename> renames);

// Sessions of others in a database that we could not end, for people, a line each; sorted.
[[nodiscard]] std::vector<std::string> sessions_beyond_us(Connection& admin,
                                                          const std::string& database);

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// What RESTORE leaves otherwise than it was: owner, users without a login, options of the database.
// Mended where the server has what is needed, told where it has not.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// What a copy remembers of the database that the session is in: owner, options, users by login.
[[nodiscard]] Json remember_database(Session& session);

// Before it is proven, of the database that the session is in: its users.
void mend_database(Session& session, const Json& remembered, LoadReport& report);
// Once it is in its place. `replaced`: another one with its Service Broker identifier is kept.
void wake_database(Session& session, const std::string& database, const Json& remembered,
                   bool replaced, LoadReport::Later& later);
// Once it is proven. The account may do less with the database from then on: not even enter it
// without CONNECT ANY DATABASE. An owner who is gone would keep it from being altered by its own
// code.
void mend_owner(Session& session, const std::string& database, const Json& remembered,
                LoadReport::Later& later);

// DBCC CHECKDB of the database. Errc::differs with the damage that it found; denied, no_space,
// unavailable, else io if it was not examined, or not to its end.
void prove_database(Session& session, const std::string& database);

}  // namespace holdfast::engine::sqlserver

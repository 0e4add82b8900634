// SPDX-License-Identifier: Apache-2.0
// What the application's own role needs in its database, each as the statement that gives it: for
// `grants application` and for preflight.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/postgresql/connection.h"
#include "engine/postgresql/privileges.h"
#include "model/endpoint.h"

namespace holdfast::engine::postgresql {

// Endpoint options `application_user` and `application_schema`.
struct Application {
  std::string user;  // whom it connects as; empty: nobody asks
  // Schemas among which its tables are, as in search_path; empty: those of the user's own. Not
  // given: every one.
  std::optional<std::string> schemas;
};
[[nodiscard]] Application application_of(const model::Endpoint& endpoint);

// Entering the database; entering and making tables in the schema, or in each one without; and
// reading and writing what is in it. Tables that extensions bring are not asked for. Statements end
// with a semicolon. Source of what Jackrabbit needs: tried with 2.18.6 on PostgreSQL 15, where it
// makes the tables of a workspace at its first use.
//
// The schema is the first of the path that is there, where the server makes tables; those that the
// path names before it and that are not there are to be made, but "$user", which is used where it
// is there. The user's own path is what ALTER ROLE and ALTER DATABASE say, else the server's.
// Source: PostgreSQL 15, "Schemas: The Schema Search Path", search_path, ALTER ROLE, and the
// catalog pg_db_role_setting.
[[nodiscard]] std::vector<std::string> application_grants(Connection& connection,
                                                          const Application& application);
// Those that the role has not, by itself, by a role that it has, or as an owner; all of them if
// there is no such role.
[[nodiscard]] std::vector<MissingGrant> missing_application_grants(Connection& connection,
                                                                   const Application& application);
// The same for a database that nobody could look at: a block that looks when it is run, and makes
// no schema. `role`: whom it is for.
[[nodiscard]] std::string application_block(std::string_view role,
                                            const std::optional<std::string>& schemas);

}  // namespace holdfast::engine::postgresql

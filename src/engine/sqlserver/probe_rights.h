// SPDX-License-Identifier: Apache-2.0
// What our account, and the application's, may do in a database, as the server says it.
//
// Source: Transact-SQL Reference, HAS_PERMS_BY_NAME, and "Permissions" of BACKUP, RESTORE and
// CREATE DATABASE.
#pragma once

#include <vector>

#include "engine/sqlserver/location.h"
#include "engine/sqlserver/session.h"
#include "model/endpoint.h"
#include "model/finding.h"

namespace holdfast::engine::sqlserver {

class Rights {
 public:
  // Of the session's account in its database. A server that is none of Microsoft's answers such
  // questions anyhow: it is not asked.
  Rights(Session& session, bool is_sql_server);

  // Each right that a copy by this method lacks, with the statement that gives it.
  [[nodiscard]] std::vector<model::Finding> findings(const Location& location, Method method) const;
  // CREATE ANY DATABASE: database snapshots too.
  [[nodiscard]] bool makes_databases() const noexcept { return makes_databases_; }

 private:
  bool can_be_told_ = false;
  bool makes_databases_ = true;
  bool backs_up_ = true, selects_ = true, sees_definitions_ = true, sees_server_state_ = true;
  bool alters_credentials_ = true;
};

// Endpoint option `application_user`: what that user of the database lacks. Nothing where we may
// not ask for him.
[[nodiscard]] std::vector<model::Finding> application_findings(Session& session,
                                                               const model::Endpoint& endpoint);

}  // namespace holdfast::engine::sqlserver

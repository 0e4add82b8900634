// SPDX-License-Identifier: Apache-2.0
// What the application's own account lacks in its schema.
#pragma once

#include <vector>

#include "engine/mariadb/client.h"
#include "engine/mariadb/location.h"
#include "engine/mariadb/privileges.h"
#include "model/finding.h"

namespace holdfast::engine::mariadb {

// Endpoint option `application_user`: whom the application connects as; empty: nobody asks.
[[nodiscard]] std::string application_user(const model::Endpoint& endpoint);

// Looks at every account of `user`, with the roles that it was given: which of
// them the application is, its host decides. One that has everything suffices. Nothing where our
// account may not see those of others: probe() says that. `ours`: of the connection's account.
[[nodiscard]] std::vector<model::Finding> application_findings(Connection& connection,
                                                               const Location& location,
                                                               const std::string& user,
                                                               const Privileges& ours);

}  // namespace holdfast::engine::mariadb

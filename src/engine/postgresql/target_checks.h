// SPDX-License-Identifier: Apache-2.0
// What a role, a database that is there, and a disk must offer before a copy can be loaded.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"
#include "engine/postgresql/script_rewrite.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {

// `admin` is a session of the server. Reads, changes nothing.
[[nodiscard]] std::vector<model::Finding> find_target_problems(Connection& admin,
                                                               const Location& into,
                                                               const model::DatabaseFacts& facts,
                                                               const NameMapping& mapping,
                                                               const LoadOptions& options);

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// What our account lacks to load a copy: found before anything is changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// Names of schemas beside one, as patterns of grants: those that are being loaded, those that are
// kept, and those that were put back. Long names of schemas are cut there.
[[nodiscard]] std::string beside_pattern(std::string_view schema);
[[nodiscard]] std::string kept_pattern(std::string_view schema);
[[nodiscard]] std::string undone_pattern(std::string_view schema);

// Blockers, each with the GRANT that is lacking.
[[nodiscard]] std::vector<model::Finding> privilege_findings(Connection& connection,
                                                             const Location& location,
                                                             const model::DatabaseFacts& facts,
                                                             const LoadOptions& options);

}  // namespace holdfast::engine::mariadb

// SPDX-License-Identifier: Apache-2.0
// What a server must have for a copy to be loaded into it.
#pragma once

#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/client.h"
#include "model/finding.h"

namespace holdfast::engine::mariadb {

// Adds to a copy's facts what target_findings() goes by: the collations that its definitions name.
void add_needs(Connection& connection, const SchemaDef& schema, Json& engine_facts);
// What the server lacks for a copy with these facts. Changes nothing.
[[nodiscard]] std::vector<model::Finding> target_findings(Connection& connection,
                                                          const Json& engine_facts,
                                                          bool is_scratch);
// What keeps our account from putting the copy into the location's schema, or what would not work
// there. Changes nothing.
[[nodiscard]] std::vector<model::Finding> place_findings(Connection& connection,
                                                         const model::DatabaseFacts& facts,
                                                         const LoadOptions& options);
// Whether two versions of servers word definitions alike: one flavour, equal up to the second
// number. Nothing known is alike.
[[nodiscard]] bool words_alike(const Json& one_facts, const Json& other_facts);

}  // namespace holdfast::engine::mariadb

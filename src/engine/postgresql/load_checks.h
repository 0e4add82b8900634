// SPDX-License-Identifier: Apache-2.0
// What a server must have before a copy can be loaded into it, and what the result is compared
// with.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/script_rewrite.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::engine::postgresql {

// Versions of the copy's extensions, as far as the server can make them.
[[nodiscard]] std::map<std::string, std::string> extension_versions(Connection& admin,
                                                                    const Json& facts);
[[nodiscard]] NameMapping mapping_of(const LoadOptions& options);

// Roles, tablespaces, extensions and version of the server against engine_facts.
[[nodiscard]] std::vector<model::Finding> find_server_problems(Connection& admin,
                                                               const Json& engine_facts,
                                                               const LoadOptions& options);
// Maps what of the copy the server has not, or does not let us use: roles to our own, tablespaces
// to the usual one.
void map_to_server(Connection& admin, const Json& engine_facts, LoadOptions& options);
// The first blocker as an Error; nothing if there is none.
void refuse_problems(const std::vector<model::Finding>& findings);

// Takes out of both what load() changes by itself: mapped names, and definitions that another
// version of the server words differently.
void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
               const LoadOptions& options);

// What harmonize() keeps from being compared, a line each, for people.
[[nodiscard]] std::vector<std::string> not_compared(const model::DatabaseFacts& expected,
                                                    const model::DatabaseFacts& found,
                                                    const LoadOptions& options);

// What differs between what a copy should hold and what was found, a line each, at most a few.
[[nodiscard]] std::vector<std::string> differences(const model::DatabaseFacts& expected,
                                                   const model::DatabaseFacts& found,
                                                   const LoadOptions& options);

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// Restoring a database, or single tables of it, from the parts of a copy or from a dump of
// PostgreSQL's own programs.
#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "engine/engine.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

[[nodiscard]] LoadReport load_parts(const model::PartSource& parts,
                                    const model::DatabaseFacts& facts, const Location& into,
                                    const LoadOptions& options, const std::stop_token& stop);
std::string undo_load(const Json& undo, const model::Endpoint& into);
[[nodiscard]] bool load_stands(const Json& undo, const model::Endpoint& into);
void check_load_undo(const Json& undo, const model::Endpoint& into);

// A file or directory made by pg_dump (plain, custom, directory, tar).
[[nodiscard]] LoadReport load_dump(const std::filesystem::path& file, const Location& into,
                                   const LoadOptions& options, const std::stop_token& stop);

// As of Engine::fit_beside().
[[nodiscard]] std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                  const Location& into, LoadOptions& options,
                                                  const std::stop_token& stop);

// What stands in the way of loading a copy with these facts. Reads only.
[[nodiscard]] std::vector<model::Finding> find_load_problems(const model::DatabaseFacts& facts,
                                                             const Location& into,
                                                             const LoadOptions& options,
                                                             const std::stop_token& stop);

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// Loading a dump into a schema, by imp through a pipe or by impdp through a file of the server's.
//
// Oracle renames no schema and no server keeps two of one name: what is loaded is in its place at
// once. What is replaced is exported before, with its own tool, into a file that stays; the undo
// empties the schema and loads that again.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/oracle/export.h"

namespace holdfast::engine::oracle {

// As Engine::load and Engine::check_load.
[[nodiscard]] LoadReport load_schema(const model::PartSource& parts,
                                     const model::DatabaseFacts& facts, const model::Endpoint& into,
                                     const LoadOptions& options, const std::stop_token& stop);
[[nodiscard]] std::vector<model::Finding> check_target(const model::DatabaseFacts& facts,
                                                       const model::Endpoint& into,
                                                       const LoadOptions& options,
                                                       const std::stop_token& stop);
// As Engine::import_file, of a dump of one schema. Errc::corrupt if it is not whole, usage if it
// has tables of several schemas, unsupported if it has none or is no dump.
[[nodiscard]] LoadReport import_foreign(const std::filesystem::path& file,
                                        const model::Endpoint& into, const LoadOptions& options,
                                        const std::stop_token& stop);
// As Engine::undo.
[[nodiscard]] std::string undo_change(const Json& undo, const model::Endpoint& into);

// Drops everything a schema owns, and leaves its user with its rights.
void empty_schema(Session& session, const Server& server, std::string_view schema);

}  // namespace holdfast::engine::oracle

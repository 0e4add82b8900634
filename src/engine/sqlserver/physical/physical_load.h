// SPDX-License-Identifier: Apache-2.0
// Loading a backup: RESTORE under another name beside the place, proven there by DBCC CHECKDB, then
// put in its place by ALTER DATABASE … MODIFY NAME. What was there keeps its files and gets the
// name <name>_before_<UTC>.
#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::sqlserver {

// `facts.engine_facts` has "method":"physical".
[[nodiscard]] LoadReport load_physical(const model::PartSource& parts,
                                       const model::DatabaseFacts& facts,
                                       const model::Endpoint& into, const LoadOptions& options,
                                       const std::stop_token& stop);
// As Engine::import_file, of a .bak file: its last full set. Errc::unsupported for stripes, and
// files without a full backup.
[[nodiscard]] LoadReport import_backup(const std::filesystem::path& file,
                                       const model::Endpoint& into, const LoadOptions& options,
                                       const std::stop_token& stop);
[[nodiscard]] std::vector<model::Finding> check_physical_target(const model::DatabaseFacts& facts,
                                                                const model::Endpoint& into,
                                                                const LoadOptions& options,
                                                                const std::stop_token& stop);
// As Engine::undo, stands() and check_undo(), of entries with "sqlserver": "physical".
[[nodiscard]] std::string undo_physical(const Json& undo, const model::Endpoint& into);
[[nodiscard]] bool physical_stands(const Json& undo, const model::Endpoint& into);
void check_undo_physical(const Json& undo, const model::Endpoint& into);
// As Engine::harmonize: a backup promises no digests, so that none are compared.
void harmonize_physical(model::DatabaseFacts& expected, model::DatabaseFacts& found);
// As Engine::restore_instructions.
[[nodiscard]] std::string physical_instructions(const model::DatabaseFacts& facts);

}  // namespace holdfast::engine::sqlserver

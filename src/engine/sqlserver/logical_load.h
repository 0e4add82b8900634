// SPDX-License-Identifier: Apache-2.0
// Loading a copy by rows: into a database of a random name beside the place, compared there with
// the facts, then put in its place by ALTER DATABASE … MODIFY NAME. An empty database that is there
// is loaded into, as whoever made it has chosen its files; so is one on a server that cannot
// rename.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace holdfast::engine::sqlserver {

[[nodiscard]] LoadReport load_logical(const model::PartSource& parts,
                                      const model::DatabaseFacts& facts,
                                      const model::Endpoint& into, const LoadOptions& options,
                                      const std::stop_token& stop);
[[nodiscard]] std::vector<model::Finding> check_logical_target(const model::DatabaseFacts& facts,
                                                               const model::Endpoint& into,
                                                               const LoadOptions& options,
                                                               const std::stop_token& stop);
// As Engine::undo and stands(), of entries with "sqlserver": "logical".
[[nodiscard]] std::string undo_logical(const Json& undo, const model::Endpoint& into);
[[nodiscard]] bool logical_stands(const Json& undo, const model::Endpoint& into);
// As Engine::harmonize: servers of other releases word definitions otherwise.
void harmonize_logical(model::DatabaseFacts& expected, model::DatabaseFacts& found);

}  // namespace holdfast::engine::sqlserver

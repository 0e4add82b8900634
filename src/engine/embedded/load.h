// SPDX-License-Identifier: Apache-2.0
// Restoring an embedded database: its files beside their place, looked at, then switched in.
#pragma once

#include <filesystem>
#include <stop_token>

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

// The path of the tree in a copy. Errc::corrupt if it has none.
[[nodiscard]] std::string tree_of(const Kind& kind, const model::PartSource& parts);

// As Engine::load, to the place of an endpoint. The restored files have the owners that
// PartSource::restore_tree() gave them.
[[nodiscard]] LoadReport load_tree(const Kind& kind, const model::PartSource& parts,
                                   const model::DatabaseFacts& facts,
                                   const std::filesystem::path& place, const LoadOptions& options,
                                   const std::stop_token& stop);

}  // namespace holdfast::engine::embedded

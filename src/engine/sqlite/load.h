// SPDX-License-Identifier: Apache-2.0
// Restoring a whole database file, or single tables of it.
#pragma once

#include <filesystem>
#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::sqlite {

[[nodiscard]] LoadReport load_parts(const model::PartSource& parts,
                                    const model::DatabaseFacts& facts,
                                    const std::filesystem::path& place, const LoadOptions& options,
                                    const std::stop_token& stop);

// A database file that any program made. It is copied under the rules of a backup and then loaded.
[[nodiscard]] LoadReport load_foreign_file(const std::filesystem::path& file,
                                           const std::filesystem::path& place,
                                           const LoadOptions& options, const std::stop_token& stop);

// Copies the chosen tables, with their indexes and triggers, from the database `source` into the
// one at `place`. An existing database gets all of them in one transaction, or none.
// Errc::not_found, exists, unsupported naming the table.
[[nodiscard]] LoadReport load_tables(const std::filesystem::path& source,
                                     const std::filesystem::path& place, const LoadOptions& options,
                                     const std::stop_token& stop);

}  // namespace holdfast::engine::sqlite

// SPDX-License-Identifier: Apache-2.0
// Tables that are made and filled with typed rows from elsewhere.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>

#include "engine/engine.h"

namespace holdfast::engine::sqlite {

// As Engine::fill. A database that is there gets all in one transaction, which keeps other writers
// out and of which nothing stays without finish(); a new one is made beside its place.
[[nodiscard]] std::unique_ptr<Filling> make_filling(const std::filesystem::path& place,
                                                    std::span<const model::NewTable> tables,
                                                    const LoadOptions& options,
                                                    const std::stop_token& stop);

// Whether an undo is one of a filling.
[[nodiscard]] bool is_of_new_tables(const Json& undo);
// Drops the tables that one has put into a database that was there: those that are still defined
// as it did.
void undo_new_tables(const Json& undo);

}  // namespace holdfast::engine::sqlite

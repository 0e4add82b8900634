// SPDX-License-Identifier: Apache-2.0
// Tables that are made in a database that is there, and filled with typed rows from elsewhere.
#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "engine/engine.h"
#include "engine/postgresql/location.h"

namespace holdfast::engine::postgresql {

// As Engine::fill. Tables that name no schema are made in the first one of the session's search
// path in which we may; statements run with their table's schema as the search path. Columns have
// the types of BinaryForm. Tables appear at once or not at all, their rows with each sink's end.
[[nodiscard]] std::unique_ptr<engine::Filling> make_filling(const Location& into,
                                                            std::span<const model::NewTable> tables,
                                                            const LoadOptions& options,
                                                            const std::stop_token& stop);

// Drops the tables and sequences that one announced. They are known by their oids, which were not
// there before: others of the same names stay.
void undo_new_tables(const Json& undo, const Location& database);

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// Tables that are made in an embedded database, by its own driver, and filled with typed rows from
// elsewhere.
//
// A database that is not there is made beside its place and put into it when it is whole; it gets
// the owner of the directory in which it is. In one that is there, tables appear as they are made:
// its application is kept out all the time.
#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "engine/embedded/kind.h"
#include "engine/engine.h"

namespace holdfast::engine::embedded {

// As Engine::fill; one sink at a time. Errc::unsupported without a Java runtime and a driver,
// unavailable naming who has the database open. `kind` outlives it.
[[nodiscard]] std::unique_ptr<Filling> make_filling(const Kind& kind, const model::Endpoint& into,
                                                    std::span<const model::NewTable> tables,
                                                    const LoadOptions& options,
                                                    const std::stop_token& stop);

// Whether an undo is one of tables in a database that had been there.
[[nodiscard]] bool is_undo_of_tables(const Json& undo);
// Drops these tables, if they are there.
void undo_new_tables(const Kind& kind, const Json& undo, const model::Endpoint& into);
// Throws what that would now, as far as it is to be foreseen.
void check_tables_undo(const Kind& kind, const Json& undo, const model::Endpoint& into);

}  // namespace holdfast::engine::embedded

// SPDX-License-Identifier: Apache-2.0
// Tables that are made for a schema that is there, and filled with typed rows from elsewhere.
//
// They are made and filled in a schema beside, and put in their place by one RENAME in the end:
// what is beside is ours without doubt, so that an undo takes nobody else's table for ours.
#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "engine/engine.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// As Engine::fill. Statements run in the schema beside, which has the character set of the place.
// Rows go by LOAD DATA LOCAL, or by INSERT where that is forbidden or would keep others from a
// table that numbers its rows. What does not fit a column is Errc::differs.
[[nodiscard]] std::unique_ptr<Filling> make_filling(const model::Endpoint& into,
                                                    std::span<const model::NewTable> tables,
                                                    const LoadOptions& options,
                                                    const std::stop_token& stop);

// Drops the tables that one put in their place: those that are not beside any more.
void undo_new_tables(Connection& connection, const Json& undo);

}  // namespace holdfast::engine::mariadb

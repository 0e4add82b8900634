// SPDX-License-Identifier: Apache-2.0
// Tables that are made in a database that is there, and filled with typed rows from elsewhere.
//
// They are made in one transaction, which is told of with what the server calls them before it is
// committed: an undo takes nobody else's table for ours.
#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// As Engine::fill. Tables go into the login's usual schema there. Rows go by NewRows. What does
// not fit a column is Errc::differs or unsupported.
[[nodiscard]] std::unique_ptr<Filling> make_filling(const model::Endpoint& into,
                                                    std::span<const model::NewTable> tables,
                                                    const LoadOptions& options,
                                                    const std::stop_token& stop);

// Drops the tables of an undo with "sqlserver": "new-tables" that are still those that were made.
void undo_new_tables(const Json& undo, const model::Endpoint& into);

}  // namespace holdfast::engine::sqlserver

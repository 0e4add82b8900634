// SPDX-License-Identifier: Apache-2.0
// How writers of a database are stopped for a moment: SHARE locks on all tables, taken directly or
// by a function that their owner lends us.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/postgresql/catalog.h"
#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {

enum class FenceMeans : std::uint8_t {
  none,      // a standby, or no privilege
  tables,    // we may lock every table ourselves
  function,  // holdfast.fence() may
};
[[nodiscard]] FenceMeans find_fence_means(Connection& connection);

// "LOCK TABLE ONLY a, ONLY b IN … MODE".
[[nodiscard]] std::string lock_statement(const std::vector<const model::TableName*>& tables,
                                         std::string_view mode, bool wait = true);

// Begins a transaction on `connection` that keeps writers of all tables out, `tables` being those
// known so far; locks are waited for until the deadline at most. False, with the transaction rolled
// back, if they were not to be had, or a table was made meanwhile. The server ends the transaction,
// and its session, once it has heard nothing for `silence_max`: whoever fences may be gone.
[[nodiscard]] bool lock_writers_out(Connection& connection, FenceMeans means,
                                    const std::vector<Table>& tables,
                                    std::chrono::steady_clock::time_point deadline,
                                    std::chrono::milliseconds silence_max);

// After so long a wait for a lock the server looks for deadlocks, and ends one of those in it.
[[nodiscard]] std::chrono::milliseconds deadlock_time(Connection& connection);

// The statements that make holdfast.fence() in a new schema, for a superuser or the owner of the
// database, and let `role` call it. With `made` it is there already, and trusted.
[[nodiscard]] std::string fence_function(std::string_view role, bool made);
// What gives `role` (an SQL identifier) the use of it: statements, or where they are printed.
[[nodiscard]] std::string missing_fence_grants(Connection& connection, std::string_view role);
// Whether holdfast.fence() is there and belongs to somebody who is trusted: a superuser, or the
// owner of the database. Others could have made one that locks nothing.
[[nodiscard]] bool has_fence_function(Connection& connection);

}  // namespace holdfast::engine::postgresql

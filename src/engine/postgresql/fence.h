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
[[nodiscard]] std::string lock_statement(const std::vector<const Table*>& tables,
                                         std::string_view mode, bool wait = true);

// Begins a transaction on `connection` that keeps writers of `tables` out, waiting for locks until
// the deadline at most. False, with the transaction rolled back, if they were not to be had.
[[nodiscard]] bool lock_writers_out(Connection& connection, FenceMeans means,
                                    const std::vector<Table>& tables,
                                    std::chrono::steady_clock::time_point deadline);

// The statements that make holdfast.fence(), for a superuser or the owner of all tables, and let
// `role` call it.
[[nodiscard]] std::string fence_function(std::string_view role);

}  // namespace holdfast::engine::postgresql

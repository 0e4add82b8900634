// SPDX-License-Identifier: Apache-2.0
// Questions and statements of a profile or a drill, put to a database of SQL Server.
//
// Source: Transact-SQL Reference, reserved keywords. The language has no transactions that only
// read, and statements follow each other without a separator: what would write is told by its
// words, all of which are reserved, so that they can be no names without quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "model/endpoint.h"

namespace holdfast::engine::sqlserver {

// Why this is no query that only reads: "it has INSERT in it"; empty: it is one. Pure.
[[nodiscard]] std::string obstacle_to_reading(std::string_view sql);

// As Engine::query_rows, query_one and execute.
[[nodiscard]] std::vector<std::vector<std::string>> query_texts(const model::Endpoint& endpoint,
                                                                std::string_view sql,
                                                                const std::stop_token& stop);
[[nodiscard]] std::string query_value(const model::Endpoint& endpoint, std::string_view sql);
std::optional<std::uint64_t> run_statement(const model::Endpoint& endpoint, std::string_view sql,
                                           const std::stop_token& stop);

}  // namespace holdfast::engine::sqlserver

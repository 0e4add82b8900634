// SPDX-License-Identifier: Apache-2.0
// What a live database holds, said in the same words as a hold says it of its copy.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/postgresql/location.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// Fills version, engine_facts, tables (with digests) and objects, from one snapshot, with several
// connections. `parallel` 0: the cores available.
void describe_database(const Location& location, model::DatabaseFacts& facts, unsigned parallel,
                       const std::stop_token& stop);

// Columns and rows of one table. Errc::not_found naming the table.
void read_rows(const Location& location, const model::TableName& table, model::RowSink& into,
               const std::stop_token& stop);

// The one value of a query that does not write. Errc::usage otherwise.
[[nodiscard]] std::string query_value(const Location& location, std::string_view sql);
// As Engine::query_rows and Engine::execute.
[[nodiscard]] std::vector<std::vector<std::string>> query_texts(const Location& location,
                                                                std::string_view sql,
                                                                const std::stop_token& stop);
std::optional<std::uint64_t> run_statement(const Location& location, std::string_view sql,
                                           const std::stop_token& stop);

}  // namespace holdfast::engine::postgresql

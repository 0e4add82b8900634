// SPDX-License-Identifier: Apache-2.0
// How many rows the server counts in tables, which it does without reading them.
//
// Source: Transact-SQL Reference, sys.partitions (its numbers are called approximate).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "engine/sqlserver/session.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

using RowCounts = std::map<model::TableName, std::uint64_t>;

// Of the database that the session is in; empty where the server does not tell, and for more than
// 10,000 tables.
[[nodiscard]] RowCounts count_rows(Session& session);

// What was there at both times: [{"schema","table","rows"}], `rows` null if they changed.
[[nodiscard]] Json to_json(const RowCounts& before, const RowCounts& after);
// What is there otherwise than that says, each a sentence.
[[nodiscard]] std::vector<std::string> differences(const Json& tables, const RowCounts& found);

}  // namespace holdfast::engine::sqlserver

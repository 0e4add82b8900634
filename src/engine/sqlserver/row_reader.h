// SPDX-License-Identifier: Apache-2.0
// The rows of a server's table as values: what is selected so that nothing of them is lost on the
// way, and what that becomes.
//
// A value is just what decode_bcp() makes of the same one in a package, so that the digests of a
// package and of the database that it was exported from agree. Text comes as the bytes of its
// UTF-16, so that nobody converts it; moments and money come as texts that the server writes.
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/columns.h"
#include "engine/sqlserver/session.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver {

// What is selected for one column: several fields for a sql_variant, one for any other.
struct Selected {
  std::string expression;
  Fetch fetch = Fetch::text;
};
[[nodiscard]] std::vector<Selected> selected_of(const SqlColumn& column);

// Of one field that is not null; of a sql_variant those of selected_of(). `into` keeps its buffer.
// Errc::corrupt for what no such column has. False: text that is no UTF-16, of kind bytes.
bool set_value(model::Value& into, const SqlColumn& column,
               std::span<const std::string_view> fields);

// All rows of the table, whose name is one of the session's database: columns(), then each row.
// `behind` follows the table in the statement: " WHERE …". Memory: a row, and what the session
// buffers. Errc::corrupt for a value that is none, and what the server says.
void read_rows(Session& session, const SqlTable& table, model::RowSink& into,
               const std::stop_token& stop, std::string_view behind = {});

}  // namespace holdfast::engine::sqlserver

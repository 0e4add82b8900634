// SPDX-License-Identifier: Apache-2.0
// Loading rows by INSERT statements, where LOAD DATA LOCAL is forbidden.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/stream.h"
#include "engine/mariadb/client.h"
#include "engine/mariadb/table_stream.h"

namespace holdfast::engine::mariadb {

// A table of the copy, as its manifest says.
struct CopiedTable {
  std::string name;
  std::vector<LoadColumn> columns;
  std::vector<std::string> parts;
  bool transactional = true;  // others may be locked in the place that they come from
};

// Reads a data stream of the table and inserts its rows, in one transaction. How many there were.
// Errc::corrupt for a stream that is none.
[[nodiscard]] std::uint64_t insert_rows(Connection& connection, const CopiedTable& table,
                                        ByteSource& source);

}  // namespace holdfast::engine::mariadb

// SPDX-License-Identifier: Apache-2.0
// A table as a foreign file describes it, in words that every engine understands: what a database
// of another kind needs to make one for the same rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/value.h"

namespace holdfast::model {

struct ColumnDefinition {
  std::string name;
  std::string type;                  // as its source declares it: "NUMBER(10,2)"
  ValueKind kind = ValueKind::text;  // of its values that are not null
  bool is_nullable = true;
  bool is_padded = false;  // text that is filled with blanks to its length
  // Text: in characters. Bytes: in bytes. Nothing: no limit.
  std::optional<std::uint64_t> length;
  // Numbers: decimal digits, and how many of them stand behind the point; a negative scale rounds
  // before it. Nothing: any number of them.
  std::optional<unsigned> precision;
  std::optional<int> scale;
  // Times, timestamps and instants: digits of the seconds' fraction, 0 to 9.
  unsigned fraction_digits = 0;
  // Why its values cannot be given to another database at all; empty: they can.
  std::string obstacle = {};
};

struct TableDefinition {
  TableName name;
  std::vector<ColumnDefinition> columns;         // in the order of its rows' values
  std::vector<std::string> primary_key;          // names of columns; empty: none
  std::vector<std::vector<std::string>> unique;  // further keys
};

}  // namespace holdfast::model

// SPDX-License-Identifier: Apache-2.0
// A table that an engine makes for rows that come from another one.
#pragma once

#include <string>
#include <vector>

#include "model/value.h"

namespace holdfast::model {

// A table to be made, as statements of its engine; none ends with a semicolon.
struct NewTable {
  TableName name;                     // as its engine's catalog has it; schema empty: the usual one
  std::vector<std::string> columns;   // those that rows are given for, in their order
  std::vector<std::string> make;      // before the first row
  std::vector<std::string> complete;  // after the last: indexes, sequences
};

}  // namespace holdfast::model

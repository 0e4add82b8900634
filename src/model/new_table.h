// SPDX-License-Identifier: Apache-2.0
// A table that an engine makes for rows that come from another one.
#pragma once

#include <string>
#include <vector>

#include "model/value.h"

namespace holdfast::model {

// How a column that was made for the values of another database's holds them.
struct HeldColumn {
  // As which they are read again. Another kind than they were given as: as text, which is their
  // own; instants as timestamps, which are their readings in UTC.
  ValueKind kind = ValueKind::text;
  std::string note = {};  // what that changes for whoever reads the table; empty: nothing
  // What is not taken, value by value.
  bool takes_nul = true;       // text with U+0000
  bool takes_raw = false;      // text that is no UTF-8
  bool takes_nan = true;       // reals that are no number,
  bool takes_infinity = true;  // and those without end
  // Digits of a fraction of seconds, and years of dates; year 1 before Christ is 0.
  unsigned fraction_digits_max = 9;
  int year_min = -9999, year_max = 9999;
};

// A table to be made, as statements of its engine; none ends with a semicolon.
struct NewTable {
  TableName name;                     // as its engine's catalog has it; schema empty: the usual one
  std::vector<std::string> columns;   // those that rows are given for, in their order
  std::vector<std::string> make;      // before the first row
  std::vector<std::string> complete;  // after the last: indexes, sequences
  std::vector<HeldColumn> held = {};  // of what Engine::design() makes: one for each of `columns`
};

}  // namespace holdfast::model

// SPDX-License-Identifier: Apache-2.0
// What is to be said of a classic dump, once it was read.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/oracle/exp_examine.h"

namespace holdfast::engine::oracle {

// So many times, and where first.
class ExpPlaces {
 public:
  void add(const std::string& place);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::string text() const;  // "A, B and 3 more"

 private:
  std::uint64_t count_ = 0;
  std::vector<std::string> first_;
};

// What was met on the way, beside what the report has.
struct ExpTally {
  ExpPlaces unknown_statements;
  ExpPlaces differing_names;
  ExpPlaces foreign_columns;  // of another character set than the database's
  ExpPlaces unread_columns;   // of types whose values cannot be read
  ExpPlaces long_values;      // of forms known by description only
  ExpPlaces narrow_lobs;      // CLOBs of databases with one byte a character
  ExpPlaces local_times;      // in a zone that is no offset from UTC
  ExpPlaces undecodable;
  ExpPlaces large_rows;
  std::set<std::string> grantees;
  std::set<std::uint16_t> charsets;  // of all columns
};

// Adds to the findings of a header that was read, and of content up to its end.
void judge_charsets(const ExpTally& tally, ExpReport& report);
void judge_content(const ExpTally& tally, ExpReport& report);
// Of zeros behind the end, and what is behind those.
void judge_end(std::uint64_t padding_bytes, bool has_more, ExpReport& report);

}  // namespace holdfast::engine::oracle

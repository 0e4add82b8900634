// SPDX-License-Identifier: Apache-2.0
// What rows say of what runs. The vendor publishes neither the schema's definition nor its status
// codes: states are found in columns that are named like states, of tables named like what runs;
// what a code means is known where the instance file says it, or where its word says so. A code
// that nobody knows is no rest.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profile/migration_center/asked.h"

namespace holdfast::profile::migration_center {

// Whether a table's or column's name is of a kind; in any case.
[[nodiscard]] bool is_state_column(std::string_view name);
[[nodiscard]] bool is_end_column(std::string_view name);
[[nodiscard]] bool is_begin_column(std::string_view name);
// Whether a state's word means that something is at work.
[[nodiscard]] bool is_word_of_work(std::string_view value);
// Whether it means rest, in that table: of schedulers ACTIVE does, of nothing else.
[[nodiscard]] bool is_word_of_rest(std::string_view value, std::string_view table);

// What the instance file says of one column: "2, 3" are at work, "not 1, 4" all but these,
// "not *" none.
class MappedCodes {
 public:
  explicit MappedCodes(std::string_view text);
  [[nodiscard]] bool is_at_work(const std::string& value) const;

 private:
  bool is_of_rest_ = false, is_all_ = false;
  std::set<std::string> codes_;
};

// What the questions of one moment have met, of all databases.
struct StatesMet {
  struct Column {
    std::string component, name;  // "SCHEDULER_RUNS.STATUS"
    // With the number of rows, as text.
    std::vector<std::pair<std::string, std::string>> unknown, at_rest;
  };
  // A table of that name in another schema of the same database is of the same line.
  void add(Column column);
  std::vector<Column> columns;       // with values that nobody knows
  std::set<std::string> mapped;      // of [migration_center.status], in capitals
  std::set<std::string> components;  // those whose columns were found
};

[[nodiscard]] model::ProfileQuery question_of_states(const AskedPtr& asked,
                                                     const std::vector<std::string>& schemas,
                                                     const std::shared_ptr<StatesMet>& met);

// Once all have been asked: values that nobody knows, with the lines for the instance file that
// make them known; lines of it that meet no column.
[[nodiscard]] std::vector<model::Finding> findings_of(
    const StatesMet& met, const model::MigrationCenterSettings& settings);

}  // namespace holdfast::profile::migration_center

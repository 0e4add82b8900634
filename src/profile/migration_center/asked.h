// SPDX-License-Identifier: Apache-2.0
// A database that is asked, and what all questions to it have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/instance.h"
#include "model/quiet_check.h"
#include "profile/migration_center/sql.h"

namespace holdfast::profile::migration_center {

using Judge = std::function<model::QuietAnswer(const model::QueriedRows&)>;

struct Asked {
  std::string component, engine;
  bool is_owner = false;  // who we are there owns the schema
  model::MigrationCenterSettings settings;
  model::QuietMoment moment = model::QuietMoment::before;

  [[nodiscard]] model::ProfileQuery query(std::string what, Sql sql, model::Finding unobservable,
                                          Judge judge) const {
    return {
        component, std::move(what), std::move(sql), std::move(judge), {std::move(unobservable)}};
  }
};
using AskedPtr = std::shared_ptr<const Asked>;

// "schema.table", "schema.table.column".
[[nodiscard]] std::string display(const Table& table, std::string_view column = {});

struct TableColumns {
  Table table;
  struct Column {
    std::string name, type;
  };
  std::vector<Column> columns;
};

// Of the answer to find_columns().
[[nodiscard]] std::vector<TableColumns> tables_of(const model::QueriedRows& rows);

// A regular expression, in capitals, that matches this name of a table in the instance file and no
// other.
[[nodiscard]] std::string exactly(std::string_view name);

// What an unanswered question means.
[[nodiscard]] model::Finding runs_unobservable(const Asked& asked, std::string seen = {});
[[nodiscard]] model::Finding sessions_unobservable(const Asked& asked, std::string seen = {});
[[nodiscard]] model::Finding schedulers_unobservable(const Asked& asked, std::string seen = {});
[[nodiscard]] model::Finding jobservers_unobservable(std::string component, std::string seen = {});

}  // namespace holdfast::profile::migration_center

// SPDX-License-Identifier: Apache-2.0
// Collects the tables that a conversion makes. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/conversion.h"
#include "profile/magnolia/table_definitions.h"

namespace holdfast::profile::magnolia {

class NewTables {
 public:
  explicit NewTables(Dialect dialect) : dialect_(dialect) {}

  // Its number.
  std::size_t add_database(model::DatabaseSettings settings);
  // Adds a table that the dialect has, for a schemaObjectPrefix with its variables in place. A
  // finding for a name that another one has already, that the engine cuts off, or that not every
  // driver makes alike. `what` is for people: "workspace website of magnolia".
  model::NewTablePlace add_table(std::size_t database, TableKind kind, std::string_view prefix,
                                 const std::string& what);

  [[nodiscard]] const std::vector<model::Finding>& findings() const noexcept { return findings_; }
  [[nodiscard]] std::vector<model::NewDatabase> take_databases() { return std::move(databases_); }

 private:
  Dialect dialect_;
  std::vector<model::NewDatabase> databases_;
  std::map<std::pair<std::size_t, std::string>, std::string> used_;  // by whom each name
  std::vector<model::Finding> findings_;
};

}  // namespace holdfast::profile::magnolia

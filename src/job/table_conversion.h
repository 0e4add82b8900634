// SPDX-License-Identifier: Apache-2.0
// Tables that are made anew, one for one, in databases of another kind.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/conversion.h"
#include "model/instance.h"
#include "model/table_definition.h"

namespace holdfast::job {

// Those of one database.
struct ConvertedTables {
  std::string component;  // of the source; empty: of whichever there is
  std::vector<model::TableDefinition> from;
  model::DatabaseSettings into;
  std::vector<model::NewTable> tables;   // in the order of `from`
  std::set<model::TableName> own = {};   // of the source's engine, which stay
  std::vector<std::string> chosen = {};  // of its tables, as --table names them; empty: all
};

// A value of another kind than its column's, or one that the column does not take, is
// Errc::unsupported naming table, column and row, counted from 1 as they come; another set of
// columns Errc::not_consistent.
[[nodiscard]] std::shared_ptr<const model::Conversion> convert_tables(
    std::vector<ConvertedTables> databases, std::vector<model::Finding> findings);

// What of a database's tables is held otherwise on purpose, as the notes `columns-held-otherwise`,
// table by table.
[[nodiscard]] std::vector<model::Finding> notes_of_held(const ConvertedTables& database);

}  // namespace holdfast::job

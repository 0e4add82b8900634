// SPDX-License-Identifier: Apache-2.0
// One schema of a hold: its definitions and accounts as they were read, and the parts into which
// its copy is cut.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/mariadb/accounts.h"
#include "engine/mariadb/catalog.h"
#include "engine/mariadb/sessions.h"
#include "engine/mariadb/table_stream.h"
#include "model/part.h"

namespace holdfast::engine::mariadb {

// What was read of a part.
struct PartRead {
  TableRead rows;
  std::string highest;  // highest_number() of the table
};
struct HeldPart {
  std::string path;
  KeyRange range;
  std::optional<PartRead> copied;
};

struct HeldTable {
  std::size_t index = 0;  // in the schema's tables
  std::vector<HeldPart> parts;
};

struct HeldSchema {
  std::string component;
  SchemaDef def;
  AccountSessions* account = nullptr;
  Accounts accounts;
  std::vector<HeldTable> tables;

  [[nodiscard]] const TableDef& def_of(const HeldTable& table) const {
    return def.tables[table.index];
  }
  // Cuts the tables into parts. Where they are cut needs no moment: any cuts part all keys.
  void plan(Connection& connection);
  // All parts; first of tables that keep writers out, then the largest.
  [[nodiscard]] std::vector<model::Part> parts() const;
  // The content of a part that is a script; empty if there is none.
  [[nodiscard]] std::string script(std::string_view path) const;
  // What a load must know of each table.
  [[nodiscard]] Json table_facts() const;
};

}  // namespace holdfast::engine::mariadb

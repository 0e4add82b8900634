// SPDX-License-Identifier: Apache-2.0
// The statements that make a database of a catalog again, in an order in which they can be run: as
// a script for people, for load(), and for the hashes of definitions in a manifest. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/sqlserver/catalog.h"
#include "model/manifest.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// When a statement is run.
enum class Stage : std::uint8_t {
  options,  // of the database; one that a server does not know is left out
  users,    // and roles; one that cannot be made is left out
  schemas,  // what follows until `order` refers to each other in any way: it is tried until
  types,    // nothing more can be made
  sequences,
  synonyms,
  tables,
  code,   // views, procedures, functions
  order,  // keys and indexes by which rows lie in order: before the rows
  keys,   // after the rows: other keys, then indexes, checks, foreign keys
  indexes,
  view_indexes,
  checks,
  foreign_keys,
  history,   // tables keep former rows again, columns are masked again
  counters,  // identities and sequences go on where they stood
  triggers,
  disabling,  // what was switched off is so again
  properties,
  rights  // owners, members, rights, and the recovery model; what cannot be done is left out
};
inline constexpr std::size_t stage_count = 20;
[[nodiscard]] std::string_view stage_name(Stage stage) noexcept;  // "foreign_keys"

struct Statement {
  Stage stage = Stage::tables;
  std::string kind;  // of what it makes, as ObjectFacts::kind: "table", "foreign key"
  std::string name;  // of that: "dbo.Orders", "dbo.Orders.FK_Orders_Customers"
  SqlName table;     // to which it belongs; empty: to none
  std::string sql;   // one batch
  // What is hashed in place of `sql`; empty: that itself. "-": it is no part of objects_of().
  std::string hashed = {};
  // As the session has to have them meanwhile: code keeps them.
  bool ansi_nulls = true, quoted_identifier = true;
};

// Of a table only one of the two is run: whether it has rows is known once they are there.
inline constexpr std::string_view identity_kind = "identity";
inline constexpr std::string_view empty_identity_kind = "identity of an empty table";

[[nodiscard]] std::vector<Statement> statements_of(const Catalog& catalog);
// The definition of a table's columns: "[Id] int IDENTITY(1,1) NOT NULL".
[[nodiscard]] std::string column_text(const CatalogColumn& column,
                                      const std::string& database_collation);
// CREATE PROCEDURE … of a module, under its name of today: a rename leaves the text as it was.
// Errc::unsupported if it is no such statement.
[[nodiscard]] std::string module_text(const CatalogModule& module);

// A script that sqlcmd runs in an empty database; each statement has a mark that says what it is.
[[nodiscard]] std::string script_of(std::span<const Statement> statements);
// Reads it again. Errc::corrupt.
[[nodiscard]] std::vector<Statement> parse_script(std::string_view script);
// Logins that the target must have, as a script for whoever administers it.
[[nodiscard]] std::string prerequisites_of(const Catalog& catalog);

// Names and hashes of what the statements make; several of one name are one.
[[nodiscard]] std::vector<model::ObjectFacts> objects_of(std::span<const Statement> statements);

// What load() reads rows with, in JSON: docs/manifest.md.
[[nodiscard]] Json to_json(const SqlTable& table);
[[nodiscard]] SqlTable parse_table(const Json& json);  // Errc::corrupt

inline constexpr std::string_view schema_part = "schema.sql";
inline constexpr std::string_view prerequisites_part = "prerequisites.sql";
// "tables/dbo.Orders.bcp"
[[nodiscard]] std::string rows_part(const SqlName& table);

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
// What a schema is made of, as the server defines it: tables with their columns, sequences, views,
// triggers, routines, events. Definitions are the server's own, from SHOW CREATE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mariadb/client.h"
#include "engine/mariadb/values.h"
#include "model/manifest.h"

namespace holdfast::engine::mariadb {

struct ColumnDef {
  std::string name;
  std::string type;           // as declared: "varchar(20)"
  std::string character_set;  // empty where the type has none
  ColumnKind kind = ColumnKind::text;
  bool generated = false;  // computed by the server: not copied
  bool counted = false;    // AUTO_INCREMENT
};

// What becomes of an engine's rows in a copy.
enum class Storage : std::uint8_t {
  with_snapshots,
  without_snapshots,  // read under a lock
  elsewhere           // not read
};
[[nodiscard]] Storage storage_of(std::string_view engine) noexcept;

struct TableDef {
  std::string name;
  std::string engine;
  std::string create;    // as it makes the table
  std::string shown;     // as the server shows it, which is not always the same
  std::string created;   // when its definition was made or renamed, in the server's words; or empty
  std::string identity;  // the server's numbers of it; empty where the above tells enough
  bool transactional = true;
  bool versioned = false;  // keeps former rows by itself
  // Its rows belong to other tables or servers, or are nowhere: the definition alone is copied.
  bool rows_elsewhere = false;
  std::vector<ColumnDef> columns;
  std::vector<std::string> primary;  // columns of the primary key
  bool primary_is_prefix = false;    // it covers no whole values: rows have no order by it
  std::uint64_t rows_estimate = 0;
  std::uint64_t size_bytes = 0;
  // Takes over the counter of the same table, read later.
  void recount(const TableDef& later);
  // The AUTO_INCREMENT column; nullptr if there is none, or it is no integer.
  [[nodiscard]] const ColumnDef* counted() const;
  // Columns that are copied, in their order.
  [[nodiscard]] std::vector<const ColumnDef*> stored() const;
  // The primary key's first column, by which its rows are in order; nullptr if there is none.
  [[nodiscard]] const ColumnDef* key() const;
};

struct SequenceDef {
  std::string name;
  std::string create;
  std::string next;   // next_not_cached_value
  std::string round;  // cycle_count
};

enum class CodeKind : std::uint8_t {
  package,
  package_body,
  function,
  procedure,
  view,
  trigger,
  event
};
[[nodiscard]] std::string_view code_kind_name(CodeKind kind) noexcept;   // "procedure"
[[nodiscard]] std::string_view code_kind_words(CodeKind kind) noexcept;  // "PROCEDURE"

// What has code in it.
struct CodeDef {
  CodeKind kind = CodeKind::view;
  std::string name;
  std::string table;  // triggers: whose
  std::string create;
  std::string sql_mode, character_set, collation, time_zone;  // in which it was made; may be empty
  std::string database_collation;  // the schema's when it was made; empty if it has it still
  bool broken = false;             // a view of what is not there
  std::uint64_t at = 0;            // an event that runs once and is gone: when, seconds since 1970
};

struct SchemaDef {
  std::string name;
  std::string character_set, collation;
  std::vector<TableDef> tables;  // by name
  std::vector<SequenceDef> sequences;
  std::vector<CodeDef> code;  // in an order in which they can be made
  [[nodiscard]] const TableDef* table(std::string_view name) const noexcept;
};

// What tells a server from others; equal for all its uris.
[[nodiscard]] std::string server_identity(Connection& connection);
// Reads it all; the connection's default schema is `name` afterwards. Errc::not_found if there is
// no such schema; Errc::denied, naming the object, if a definition is not shown to us.
[[nodiscard]] SchemaDef read_schema(Connection& connection, const std::string& name);
// How the server writes the name of a schema; empty if there is none.
[[nodiscard]] std::string spelled(Connection& connection, std::string_view name);
// Whether there is one, and whether it holds anything.
[[nodiscard]] bool schema_exists(Connection& connection, std::string_view name);
[[nodiscard]] bool schema_is_empty(Connection& connection, std::string_view name);
// A server whose event scheduler is DISABLED shows no events at all.
[[nodiscard]] bool shows_events(Connection& connection);
// Whether a table is still the one that was read, not altered, nor another that took its name.
// Waits for nobody but who changes it just now.
[[nodiscard]] bool is_same_table(Connection& connection, const std::string& schema,
                                 const TableDef& table);
// What a sequence stands at, newly read.
void read_sequence(Connection& connection, const std::string& schema, SequenceDef& sequence);
// The highest number in the table's AUTO_INCREMENT column, decimal; empty if there is none, or the
// table's counter alone says it.
[[nodiscard]] std::string highest_number(Connection& connection, const std::string& schema,
                                         const TableDef& table);
// The number that the table gives next, as an object; nothing if it gives none.
[[nodiscard]] std::optional<model::ObjectFacts> counter_fact(const TableDef& table,
                                                             std::string_view highest);
// The first difference that matters to a copy, as words; nothing if there is none.
[[nodiscard]] std::optional<std::string> difference(const SchemaDef& before,
                                                    const SchemaDef& after);
// Names and hashes of all definitions but those of broken views; without definers, counters,
// directories, and whether an event is on. `schema` is taken out of the definitions, so that the
// same objects in another schema are equal.
[[nodiscard]] std::vector<model::ObjectFacts> objects_of(const SchemaDef& schema);

}  // namespace holdfast::engine::mariadb

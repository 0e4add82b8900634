// SPDX-License-Identifier: Apache-2.0
// The scripts that lie beside the data in a copy: they restore it with the server's own client
// alone, and the loader reads the same ones.
#pragma once

#include <string>
#include <vector>

#include "engine/mariadb/catalog.h"
#include "engine/mariadb/table_stream.h"

namespace holdfast::engine::mariadb {

inline constexpr std::string_view schema_part = "schema.sql";
inline constexpr std::string_view objects_part = "objects.sql";
inline constexpr std::string_view broken_part = "broken.sql";
inline constexpr std::string_view grants_part = "grants.sql";
inline constexpr std::string_view restore_part = "restore.sql";

// "tables/<name>/", the name escaped: parts are named as they lie in a snapshot.
[[nodiscard]] std::string table_directory(const std::string& table);

// "-- holdfast: table: orders" and a line break: says what the next statements are for.
[[nodiscard]] std::string mark_line(std::string_view kind, std::string_view name);
// What a session of ours says besides to make and fill tables. Pure.
[[nodiscard]] std::vector<std::string> load_settings(bool is_mariadb, unsigned version_number);
// The same as a script: foreign keys off, values as they are.
[[nodiscard]] std::string session_settings();
// The statements that make one object, in its own settings; without delimiters.
[[nodiscard]] std::vector<std::string> statements_of(const CodeDef& code);

[[nodiscard]] std::string schema_script(const SchemaDef& schema);
// Errc::unsupported, naming the object, if a definition's bytes could not be told apart again.
[[nodiscard]] std::string objects_script(const SchemaDef& schema);
// Views of what was not there any more; empty if there are none.
[[nodiscard]] std::string broken_script(const SchemaDef& schema);
struct TableLoad {
  std::string table;
  std::vector<LoadColumn> columns;
  std::vector<std::string> parts;
};
[[nodiscard]] std::string restore_script(const SchemaDef& schema,
                                         const std::vector<TableLoad>& tables);

}  // namespace holdfast::engine::mariadb

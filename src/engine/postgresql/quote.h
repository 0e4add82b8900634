// SPDX-License-Identifier: Apache-2.0
// Names and texts on their way into SQL, and tables on their way into part names. Every statement
// of this engine gets its names and texts from here.
#pragma once

#include <string>
#include <string_view>

#include "model/value.h"

namespace holdfast::engine::postgresql {

// `name` as an SQL identifier, always in double quotes.
[[nodiscard]] std::string quote_name(std::string_view name);
// `"schema"."table"`.
[[nodiscard]] std::string quote_name(const model::TableName& table);
// `text` as an SQL string in single quotes; with backslashes as E'…', so that it means the same
// whatever standard_conforming_strings says. Errc::usage for a text with a NUL in it.
[[nodiscard]] std::string quote_text(std::string_view text);
// `text` as the value of a connection string's keyword: `host='/run/my dir'`.
[[nodiscard]] std::string quote_conninfo(std::string_view text);
// `path` as the argument of psql's \i or \copy: single quotes, psql's own escapes.
[[nodiscard]] std::string quote_psql(std::string_view text);
// A field of a password file: colons and backslashes escaped.
[[nodiscard]] std::string quote_passfile(std::string_view text);

// The part that holds a range of a table's rows: "tables/public/orders/00000.copy". Names are
// escaped as model::escape_name does.
[[nodiscard]] std::string part_of_table(const model::TableName& table, std::size_t range);

inline constexpr std::string_view globals_part = "globals.sql";
inline constexpr std::string_view pre_data_part = "schema-pre-data.sql";
inline constexpr std::string_view post_data_part = "schema-post-data.sql";
inline constexpr std::string_view sequences_part = "sequences.sql";
inline constexpr std::string_view database_part = "database.sql";
inline constexpr std::string_view restore_part = "restore.sql";
// Definitions of large objects: creation, owners, grants, comments. Contents are beside it.
inline constexpr std::string_view large_objects_part = "large-objects.sql";
// "large-objects/00000.copy": rows of (oid, offset, bytes), in this order.
inline constexpr std::string_view large_objects_data_part = "large-objects/00000.copy";

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
// The statements that make things, as servers and the programs that dump write them: tables and
// sequences with nothing of others in them, what has code in it up to where the code begins.
// What is anything else is refused by an Error of Errc::unsupported.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/mariadb/catalog.h"
#include "engine/mariadb/statement_reader.h"

namespace holdfast::engine::mariadb {

// Of a definition; rows are longer.
inline constexpr std::size_t definition_bytes_max = std::size_t{16} << 20U;

// [IF [NOT] EXISTS]
bool take_if_exists(StatementReader& reader);
// From after the name on: columns and keys in parentheses, then options and partitions; no rows of
// others. `notes`: a stranger's, held to one schema; else other schemas may be referred to.
void check_table(StatementReader& reader, const std::string& name, std::vector<std::string>* notes);
// The same: words and numbers.
void check_sequence(StatementReader& reader, const std::string& name);
// From after SETVAL on: what to run. Sets `name`.
[[nodiscard]] std::string setval(StatementReader& reader, std::string& name);

// What stands between CREATE and the kind.
struct CodeHead {
  std::size_t definer_from = 0, definer_to = 0;  // positions
  std::string definer;
};
[[nodiscard]] CodeHead take_code_head(StatementReader& reader);
// VIEW, PACKAGE BODY and so on.
[[nodiscard]] std::optional<CodeKind> take_code_kind(StatementReader& reader);
// What follows the name of something with code in it. A function that is none of SQL, but of a
// library of the server's, is not among it.
// `bare`: for triggers, as for take_name(). Sets `table` of a trigger.
void check_code_body(StatementReader& reader, CodeKind kind, const std::string& name, bool bare,
                     std::string* table);

// A definition of a copy: a statement that makes `name`, bare, and nothing else. `kind`: as in the
// marks of our scripts, "table", "package body". Returns what to run: tables and sequences as they
// were read. Errc::corrupt if it is none.
[[nodiscard]] std::string checked_definition(std::string_view kind, std::string_view name,
                                             const std::string& sql, const Reading& reading);
// The same of "DO SETVAL(`name`, 7, 0, 1)".
[[nodiscard]] std::string checked_setval(std::string_view name, const std::string& sql);

}  // namespace holdfast::engine::mariadb

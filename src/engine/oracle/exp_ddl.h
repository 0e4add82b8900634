// SPDX-License-Identifier: Apache-2.0
// What the statements of a classic dump define. They are those of the exporter, whose names are all
// quoted; nothing here understands SQL that people wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oracle/exp_reader.h"
#include "model/table_definition.h"

namespace holdfast::engine::oracle {

// The statement as a database takes it: its line and its text put together, without the exporter's
// own marks.
[[nodiscard]] std::string statement_text(const ExpStatement& statement);
// Whether it is a line as the exporter writes them: it begins as one, its quotes are in pairs, and
// no other statement begins within it.
[[nodiscard]] bool is_known_statement(std::string_view line);

struct ExpObject {
  std::string kind;     // "sequence", "view", "foreign key", "grant", …
  std::string name;     // "EMPLOYEES.EMP_JOB_FK" for what belongs to a table
  std::string grantee;  // of a grant
};
// What a statement makes, if it makes an object; of its text in UTF-8. `line` tells kinds that the
// text does not.
[[nodiscard]] std::optional<ExpObject> object_of(std::string_view line, std::string_view text);

struct DeclaredColumn {
  std::string name;
  std::string type;  // "NUMBER(10, 2)"
  bool is_nullable = true;
};
// Whether a statement of this text is damaged, or of a form that is not known, where object_of()
// finds nothing: all but those that alter an object in a way that makes none.
[[nodiscard]] bool must_make_object(std::string_view text);
// Of CREATE TABLE.
struct DeclaredTable {
  std::string name;
  std::vector<DeclaredColumn> columns;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique;
  bool is_temporary = false, is_external = false;
  bool may_be_deferred = false;  // no segment: it has neither STORAGE nor partitions
};
[[nodiscard]] std::optional<DeclaredTable> parse_create_table(std::string_view text);
// Adds the key that `ALTER TABLE … ADD` gives a table, if it does; false for another statement.
bool add_declared_key(std::string_view text, DeclaredTable& table);
// "T" of `ALTER TABLE "T" …`, or empty.
[[nodiscard]] std::string altered_table(std::string_view text);

// A column for databases of other kinds; `kind` as its values have it. Nothing where values of such
// a type cannot be read. `has_wide_characters`: one may have several bytes, so that CHAR(n) is not
// n characters.
[[nodiscard]] std::optional<model::ColumnDefinition> define_column(const DeclaredColumn& column,
                                                                   bool has_wide_characters);

}  // namespace holdfast::engine::oracle

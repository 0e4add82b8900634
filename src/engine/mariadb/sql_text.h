// SPDX-License-Identifier: Apache-2.0
// SQL as text: quoting, tokens, and the small rewrites that definitions need on their way from one
// schema into another. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine::mariadb {

// The SQL mode of our sessions and scripts: values stay as they are, no table gets another engine
// than it says.
inline constexpr std::string_view plain_sql_mode =
    "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";

// `name`, whatever it holds.
[[nodiscard]] std::string quote_name(std::string_view name);
// 'text', for a session whose SQL mode lacks NO_BACKSLASH_ESCAPES.
[[nodiscard]] std::string quote_text(std::string_view text);
void append_quoted(std::string& to, std::string_view text);  // the same
// name → schema.name, both quoted.
[[nodiscard]] std::string quote_name(std::string_view schema, std::string_view name);

struct Token {
  enum class Kind { word, quoted_name, text, number, symbol, comment, space };
  Kind kind;
  std::string_view text;  // of the whole token, quotes included
  // Without quotes and their doubling, of names that may stand in any quotes; words as they are.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool is_word(std::string_view upper_case) const noexcept;
  [[nodiscard]] bool is_symbol(char c) const noexcept { return text.size() == 1 && text[0] == c; }
  [[nodiscard]] bool is_name() const noexcept {
    return kind == Kind::word || kind == Kind::quoted_name;
  }
};
// All of a statement; the tokens view `sql`. What is not closed goes to the end.
[[nodiscard]] std::vector<Token> tokens_of(std::string_view sql);

// The definition of a table without what its rows have made of it: AUTO_INCREMENT=….
[[nodiscard]] std::string without_counter(std::string_view create_table);
// That number; empty if there is none.
[[nodiscard]] std::string counter_of(std::string_view create_table);
// The definition without counter and without the directories of its server.
[[nodiscard]] std::string without_place(std::string_view create_table);
// With another default value, an expression, of a column that has a text as its default.
[[nodiscard]] std::string with_default(std::string_view create_table, std::string_view column,
                                       std::string_view expression);
// A definition without its DEFINER clause, or with another: "CURRENT_USER", "`ann`@`%`".
[[nodiscard]] std::string without_definer(std::string_view create);
[[nodiscard]] std::string with_definer(std::string_view create, std::string_view definer);
// An event's definition, disabled.
[[nodiscard]] std::string with_event_disabled(std::string_view create);
// A trigger's definition with bare names of itself and its table, as the author of the definition
// may have qualified them.
[[nodiscard]] std::string with_bare_trigger_names(std::string_view create);
// A view's canonical definition with `from`. replaced by `to`. where it is the name of the schema.
[[nodiscard]] std::string with_schema(std::string_view create, std::string_view from,
                                      std::string_view to);
// A table's definition without the schema's name before the sequences that its defaults draw from.
[[nodiscard]] std::string with_bare_sequences(std::string_view create_table,
                                              std::string_view schema);
// The same with a schema's name before those that have none.
[[nodiscard]] std::string with_sequences_of(std::string_view create_table, std::string_view schema);
// Clauses of ALTER TABLE that set the defaults which draw from sequences once more. A table that
// moves to another schema keeps those of the former one.
[[nodiscard]] std::vector<std::string> sequence_defaults(std::string_view create_table);
// Names that a view's canonical definition reads from, without their schemas.
[[nodiscard]] std::vector<std::string> names_read(std::string_view create_view);

// The parts of SHOW CREATE TABLE's answer.
struct TableText {
  std::string head;                // CREATE TABLE `t` (
  std::vector<std::string> lines;  // columns, keys, constraints, checks; without comma and indent
  std::string tail;                // ) ENGINE=…
};
// Nothing if it does not look as the server writes it.
[[nodiscard]] std::optional<TableText> split_table(std::string_view create_table);
[[nodiscard]] std::string join_table(const TableText& table);
// What a line of it defines: the name of an index ("PRIMARY" for the primary key) or of a
// constraint.
struct KeyLine {
  enum class Kind { column, primary, unique, index, fulltext, spatial, foreign_key, other };
  Kind kind = Kind::column;
  std::string name;
};
[[nodiscard]] KeyLine key_of(std::string_view line);

// The line of a foreign key, naming the schema that it refers to: `schema`, if it names none.
[[nodiscard]] std::string with_qualified_reference(std::string_view line, std::string_view schema);

// The table that it refers to; empty if it names a schema too.
[[nodiscard]] std::string referenced_table(std::string_view line);

// A definition without the keys and foreign keys that are faster made after the rows are there, and
// those. Nothing is taken out where the server needs it at once, or knows no faster way.
struct DeferredKeys {
  std::string create;
  std::vector<std::string> lines;
};
[[nodiscard]] DeferredKeys defer_keys(std::string_view create_table);

}  // namespace holdfast::engine::mariadb

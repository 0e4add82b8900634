// SPDX-License-Identifier: Apache-2.0
// What the engines' design() have in common: the names and columns of another database's tables,
// and all that has no counterpart, told at once.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/new_table.h"
#include "model/table_definition.h"

namespace holdfast::engine {

// What an engine makes of one column.
struct ColumnDesign {
  std::string type;  // in its own words
  model::HeldColumn held = {};
  std::string refusal = {};  // why it makes nothing of it; empty: it does
};

struct NameRules {
  bool folds_tables = false;   // names that differ in the case of ASCII letters only are the same
  bool folds_columns = false;  // the same of columns
  std::size_t bytes_max = 0;   // 0: any length
  std::size_t characters_max = 0;
};

// The statements' language, over and above the names.
struct DesignRules {
  std::string_view where;  // "PostgreSQL", for messages
  NameRules names;
  // Called for the columns of one table after another, in their order; `is_key`: some key has it.
  std::function<ColumnDesign(const model::ColumnDefinition& column, bool is_key)> column;
  // Called before the columns of each table; may be empty.
  std::function<void()> begin_table = {};
  // Why a table cannot be made though each of its columns can; empty: it can. May be empty itself.
  std::function<std::string(const model::TableDefinition& table)> table = {};
  // Fills make and complete; types are in the order of the columns.
  std::function<void(const model::TableDefinition& table, const std::vector<std::string>& types,
                     model::NewTable& into)>
      write;
};

// Errc::unsupported as of Engine::design().
[[nodiscard]] std::vector<model::NewTable> design_tables(
    std::span<const model::TableDefinition> tables, const DesignRules& rules);

// A table whose rows cannot be given to another database, and why: refused by name unless others
// are chosen. `kind` is for people: "MERGE", "virtual table".
[[nodiscard]] model::TableDefinition table_without_rows(model::TableName name, std::string kind,
                                                        std::string why);

// How many digits the exact numbers of a column have, and how many of them behind the point; a
// negative scale is none, and a scale beyond the digits counts the zeros before them too. Nothing:
// any number.
struct Digits {
  unsigned count = 0, scale = 0;
};
[[nodiscard]] std::optional<Digits> digits_of(const model::ColumnDefinition& column);

// Held as what it is given as; of moments no finer than `fraction_digits_max`.
[[nodiscard]] model::HeldColumn held_as_given(const model::ColumnDefinition& column,
                                              unsigned fraction_digits_max);
// Held as its own text.
[[nodiscard]] model::HeldColumn held_as_text(const model::ColumnDefinition& column);

// `"a", "b"` with each name as `quote` writes it.
[[nodiscard]] std::string name_list(const std::vector<std::string>& names,
                                    std::string (*quote)(std::string_view));
// `"a" int NOT NULL, "b" text`
[[nodiscard]] std::string column_list(const model::TableDefinition& table,
                                      const std::vector<std::string>& types,
                                      std::string (*quote)(std::string_view));

}  // namespace holdfast::engine

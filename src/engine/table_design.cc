// SPDX-License-Identifier: Apache-2.0
#include "engine/table_design.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"

namespace holdfast::engine {
namespace {

std::size_t characters_of(std::string_view name) {
  return static_cast<std::size_t>(std::count_if(name.begin(), name.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

class Design {
 public:
  explicit Design(const DesignRules& rules) : rules_(rules) {}

  std::vector<model::NewTable> make(std::span<const model::TableDefinition> tables) {
    std::vector<model::NewTable> made;
    std::map<std::string, std::string> taken;
    for (const model::TableDefinition& table : tables) {
      const std::string shown = "table " + table.name.display();
      check_length(shown, table.name.table);
      const auto [other, is_new] = taken.try_emplace(
          rules_.names.folds_tables ? ascii_lower(table.name.table) : table.name.table, shown);
      if (!is_new) refuse(shown, "would have the name of " + other->second);
      made.push_back(make_one(table, shown));
    }
    raise();
    return made;
  }

 private:
  model::NewTable make_one(const model::TableDefinition& table, const std::string& shown) {
    model::NewTable made;
    made.name.table = table.name.table;
    std::vector<std::string> types;
    std::set<std::string> taken;
    if (table.columns.empty()) refuse(shown, "has no columns");
    if (rules_.begin_table) rules_.begin_table();
    for (const model::ColumnDefinition& column : table.columns) {
      const std::string place = fmt::format("{}, column {} ({})", shown, column.name, column.type);
      check_length(place, column.name);
      if (!taken.insert(rules_.names.folds_columns ? ascii_lower(column.name) : column.name).second)
        refuse(place, "would have the name of another column");
      if (!column.obstacle.empty()) {
        refuse(place, column.obstacle);
        continue;
      }
      ColumnDesign design = rules_.column(column, is_key(table, column.name));
      if (!design.refusal.empty()) refuse(place, design.refusal);
      made.columns.push_back(column.name);
      made.held.push_back(std::move(design.held));
      types.push_back(std::move(design.type));
    }
    if (!refused_.empty()) return made;
    const std::string why = rules_.table ? rules_.table(table) : std::string();
    if (!why.empty()) refuse(shown, why);
    rules_.write(table, types, made);
    return made;
  }

  static bool is_key(const model::TableDefinition& table, const std::string& column) {
    const auto has = [&](const std::vector<std::string>& key) {
      return std::find(key.begin(), key.end(), column) != key.end();
    };
    return has(table.primary_key) || std::any_of(table.unique.begin(), table.unique.end(), has);
  }

  void check_length(const std::string& place, std::string_view name) {
    const NameRules& rules = rules_.names;
    if (rules.bytes_max > 0 && name.size() > rules.bytes_max)
      refuse(place, fmt::format("the name has {} bytes, {} at most are taken", name.size(),
                                rules.bytes_max));
    if (rules.characters_max > 0 && characters_of(name) > rules.characters_max)
      refuse(place, fmt::format("the name has {} characters, {} at most are taken",
                                characters_of(name), rules.characters_max));
  }

  void refuse(const std::string& place, std::string_view why) {
    refused_.push_back(fmt::format("{}: {}", place, why));
  }

  void raise() const {
    if (refused_.empty()) return;
    throw Error(Errc::unsupported, fmt::format("{} has no exact counterpart for {}", rules_.where,
                                               fmt::join(refused_, "; ")))
        .set_hint("Choose the other tables with --table, or a database of another kind.");
  }

  const DesignRules& rules_;
  std::vector<std::string> refused_;
};

}  // namespace

std::vector<model::NewTable> design_tables(std::span<const model::TableDefinition> tables,
                                           const DesignRules& rules) {
  return Design(rules).make(tables);
}

model::TableDefinition table_without_rows(model::TableName name, std::string kind,
                                          std::string why) {
  model::TableDefinition table;
  table.name = std::move(name);
  model::ColumnDefinition& all = table.columns.emplace_back();
  all.name = "*";
  all.type = std::move(kind);
  all.obstacle = std::move(why);
  return table;
}

std::optional<Digits> digits_of(const model::ColumnDefinition& column) {
  if (!column.precision || !column.scale) return std::nullopt;
  const int scale = *column.scale;
  if (scale < 0) return Digits{*column.precision + static_cast<unsigned>(-scale), 0};
  const auto behind = static_cast<unsigned>(scale);
  return Digits{std::max(*column.precision, behind), behind};
}

model::HeldColumn held_as_given(const model::ColumnDefinition& column,
                                unsigned fraction_digits_max) {
  model::HeldColumn held;
  held.kind = column.kind;
  held.fraction_digits_max = std::min(column.fraction_digits, fraction_digits_max);
  if (column.fraction_digits > fraction_digits_max)
    held.note = fmt::format("with {} digits of a second at most", fraction_digits_max);
  return held;
}

model::HeldColumn held_as_text(const model::ColumnDefinition& column) {
  model::HeldColumn held;
  held.kind = model::ValueKind::text;
  held.note = fmt::format(
      "as text, which is that of each {} exactly",
      column.kind == model::ValueKind::other ? "value" : model::value_kind_name(column.kind));
  return held;
}

std::string name_list(const std::vector<std::string>& names,
                      std::string (*quote)(std::string_view)) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote(name);
  return list;
}

std::string column_list(const model::TableDefinition& table, const std::vector<std::string>& types,
                        std::string (*quote)(std::string_view)) {
  std::string list;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    list += fmt::format("{}{} {}{}", i == 0 ? "" : ", ", quote(table.columns[i].name), types.at(i),
                        table.columns[i].is_nullable ? "" : " NOT NULL");
  }
  return list;
}

}  // namespace holdfast::engine

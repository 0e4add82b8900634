// SPDX-License-Identifier: Apache-2.0
#include "job/table_conversion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "job/restore_choice.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

using model::Value;
using model::ValueKind;

bool is_moment(ValueKind kind) noexcept {
  return kind == ValueKind::date || kind == ValueKind::time || kind == ValueKind::timestamp ||
         kind == ValueKind::instant;
}

// Why a moment does not fit; empty: it does.
std::string moment_obstacle(const Value& value, const model::HeldColumn& held) {
  const std::string_view text = value.text;
  if (value.kind != ValueKind::time) {
    int year = 0;
    const char* const end = text.data() + text.size();
    if (std::from_chars(text.data(), end, year).ec != std::errc()) return "it is no date";
    if (year < held.year_min || year > held.year_max)
      return fmt::format("the years from {} to {} are taken", held.year_min, held.year_max);
  }
  const auto point = text.find('.');
  if (point == std::string_view::npos) return {};
  const std::size_t digits = text.size() - point - 1 - (text.ends_with('Z') ? 1 : 0);
  if (digits <= held.fraction_digits_max) return {};
  return fmt::format("{} digits of a second at most are taken", held.fraction_digits_max);
}

// Why a column does not take a value that is not null; empty: it does.
std::string obstacle(const Value& value, ValueKind declared, const model::HeldColumn& held) {
  if (value.kind == ValueKind::bytes && declared == ValueKind::text)
    return held.takes_raw ? "" : "it is no text of its character set";
  if (value.kind != declared)
    return fmt::format("it is of kind {} and not {}", model::value_kind_name(value.kind),
                       model::value_kind_name(declared));
  if (value.kind == ValueKind::real) {
    if (std::isnan(value.real)) return held.takes_nan ? "" : "it is no number";
    return std::isinf(value.real) && !held.takes_infinity ? "it is infinite" : "";
  }
  const bool is_text = value.kind == ValueKind::text || value.kind == ValueKind::other;
  if (is_text && !held.takes_nul && value.text.find('\0') != std::string::npos)
    return "it holds the character U+0000";
  return is_moment(value.kind) ? moment_obstacle(value, held) : std::string();
}

// The rows of one table, as its target holds them. Memory: one row.
class HeldRows final : public model::RowSink {
 public:
  HeldRows(const model::TableDefinition& from, const model::NewTable& to, model::RowSink& into)
      : from_(from), to_(to), into_(into) {}

  void columns(const std::vector<model::Column>& columns) override {
    std::vector<std::string> names;
    for (const model::Column& column : columns) names.push_back(column.name);
    if (names == to_.columns) return;
    throw Error(
        Errc::not_consistent,
        fmt::format("table {} has the columns {} and its rows those of {}", from_.name.display(),
                    fmt::join(to_.columns, ", "), fmt::join(names, ", ")));
  }

  void row(const model::Row& row) override {
    ++number_;
    if (row.size() != to_.held.size())
      throw Error(Errc::not_consistent,
                  fmt::format("table {}, row {}: {} values for {} columns", from_.name.display(),
                              number_, row.size(), to_.held.size()));
    const bool is_kept =
        std::equal(row.begin(), row.end(), to_.held.begin(),
                   [&](const Value& value, const model::HeldColumn& held) {
                     return value.kind == ValueKind::null || value.kind == held.kind;
                   });
    for (std::size_t i = 0; i < row.size(); ++i) check(row[i], i);
    if (is_kept) return into_.row(row);
    held_ = row;
    for (std::size_t i = 0; i < row.size(); ++i) hold(held_[i], to_.held[i].kind);
    into_.row(held_);
  }

 private:
  void check(const Value& value, std::size_t column) const {
    if (value.kind == ValueKind::null) return;
    const std::string why = obstacle(value, from_.columns[column].kind, to_.held[column]);
    if (why.empty()) return;
    const bool is_short = value.text.size() <= shown_bytes && is_utf8(value.text);
    throw Error(Errc::unsupported,
                fmt::format("table {}, column {} ({}), row {}: {}", from_.name.display(),
                            from_.columns[column].name, from_.columns[column].type, number_, why) +
                    (is_short && is_moment(value.kind) ? ": " + value.text : ""))
        .set_hint("Choose the other tables with --table, or a database of another kind.");
  }

  static void hold(Value& value, ValueKind kind) {
    // Raw bytes of a text stay what they are.
    if (value.kind == ValueKind::null || value.kind == kind || value.kind == ValueKind::bytes)
      return;
    if (value.kind == ValueKind::instant && kind == ValueKind::timestamp) value.text.pop_back();
    value.kind = kind;
  }

  static constexpr std::size_t shown_bytes = 60;
  const model::TableDefinition& from_;
  const model::NewTable& to_;
  model::RowSink& into_;
  std::uint64_t number_ = 0;
  model::Row held_;  // kept for its buffers
};

class TableConversion final : public model::Conversion {
 public:
  TableConversion(std::vector<ConvertedTables> databases, std::vector<model::Finding> findings)
      : from_(std::move(databases)), findings_(std::move(findings)) {
    for (std::size_t i = 0; i < from_.size(); ++i) {
      ConvertedTables& one = from_[i];
      check_rule(one.tables.size() == one.from.size(), "each table has one for its rows");
      for (std::size_t j = 0; j < one.from.size(); ++j)
        places_.emplace(std::pair(one.component, one.from[j].name), model::NewTablePlace{i, j});
      databases_.push_back({one.into, std::move(one.tables)});
    }
  }

  [[nodiscard]] const std::vector<model::Finding>& findings() const override { return findings_; }
  [[nodiscard]] const std::vector<model::NewDatabase>& databases() const override {
    return databases_;
  }
  [[nodiscard]] std::optional<model::NewTablePlace> route(
      std::string_view component, const model::TableName& table) const override {
    auto found = places_.find({std::string(component), table});
    if (found == places_.end()) found = places_.find({std::string(), table});
    if (found == places_.end()) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] std::unique_ptr<model::RowSink> map(std::string_view component,
                                                    const model::TableName& table,
                                                    model::RowSink& into) const override {
    const model::NewTablePlace at = route(component, table).value();
    return std::make_unique<HeldRows>(from_[at.database].from[at.table],
                                      databases_[at.database].tables[at.table], into);
  }
  [[nodiscard]] Left left(std::string_view component,
                          const model::TableName& table) const override {
    const bool is_left = std::ranges::any_of(from_, [&](const ConvertedTables& one) {
      return one.component == component &&
             (one.own.contains(table) ||
              (!one.chosen.empty() && std::ranges::none_of(one.chosen, [&](const auto& wanted) {
                return means_table(wanted, table);
              })));
    });
    return is_left || route(component, table) ? Left::on_purpose : Left::too_new;
  }
  // Files stay files, and the application is told by whoever runs it.
  [[nodiscard]] std::vector<FilesToRows> files_to_rows() const override { return {}; }
  [[nodiscard]] std::unique_ptr<model::RowSink> rows_to_files(
      std::string_view /*component*/, const model::TableName& /*table*/,
      const std::function<std::string(const std::string&)>& /*place_of*/) const override {
    return nullptr;
  }
  [[nodiscard]] Json converted_facts(const Json& facts) const override { return facts; }
  [[nodiscard]] model::Adaptation adapt(
      const model::RestoredInstance& /*restored*/) const override {
    return {};
  }

 private:
  std::vector<ConvertedTables> from_;  // their tables are in databases_
  std::vector<model::NewDatabase> databases_;
  std::map<std::pair<std::string, model::TableName>, model::NewTablePlace> places_;
  const std::vector<model::Finding> findings_;
};

}  // namespace

std::shared_ptr<const model::Conversion> convert_tables(std::vector<ConvertedTables> databases,
                                                        std::vector<model::Finding> findings) {
  return std::make_shared<TableConversion>(std::move(databases), std::move(findings));
}

std::vector<model::Finding> notes_of_held(const ConvertedTables& database) {
  std::vector<model::Finding> findings;
  for (std::size_t i = 0; i < database.tables.size(); ++i) {
    std::string changes;
    const model::TableDefinition& table = database.from[i];
    for (std::size_t j = 0; j < database.tables[i].held.size(); ++j) {
      const std::string& note = database.tables[i].held[j].note;
      const model::ColumnDefinition& column = table.columns.at(j);
      if (note.empty()) continue;
      changes +=
          fmt::format("{}{} ({}) {}", changes.empty() ? "" : "; ", column.name, column.type, note);
    }
    if (changes.empty()) continue;
    model::Finding finding =
        finding_of("columns-held-otherwise", model::Severity::note, database.into.name,
                   fmt::format("table {}: {}", table.name.display(), changes),
                   "every value is kept exactly, in columns of another type", "");
    finding.mend_class = model::MendClass::none;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace holdfast::job

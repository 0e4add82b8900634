// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_examine.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "engine/finding.h"
#include "engine/oracle/exp_findings.h"

namespace holdfast::engine::oracle {
namespace {

using model::Severity;

class Examination final : public ExpVisitor {
 public:
  Examination(ByteSource& source, ExpDepth depth, const std::stop_token& stop,
              const model::RowTap& tap)
      : depth_(depth), tap_(tap), reader_(source, options_for(tap), stop) {}

  ExpReport run() {
    if (read_front()) {
      read_content();
      judge_charsets(tally_, report_);
      judge_content(tally_, report_);
    }
    report_.size_bytes = reader_.offset();
    if (report_.is_complete) judge_end(reader_.padding_bytes(), reader_.has_more(), report_);
    return std::move(report_);
  }

  bool statement(const ExpStatement& statement) override;
  bool section(const ExpSection& section) override;
  void row(const ExpSection& section, model::Row& row) override;
  void section_end(const ExpSection& section) override;

 private:
  static ExpReader::Options options_for(const model::RowTap& tap) {
    return tap ? ExpReader::Options{.row_bytes_max = exp_row_bytes_max, .refuses_large_rows = true}
               : ExpReader::Options{};
  }
  bool read_front();
  void read_content();
  void offer(const ExpTable& table, const ExpSection& section);
  void add(std::string code, Severity severity, std::string seen, std::string why) {
    report_.findings.push_back(finding(std::move(code), severity, std::move(seen), std::move(why),
                                       "Export again, or find a whole copy."));
  }
  [[nodiscard]] std::string text(std::string_view stored) {
    return reader_.decoder().client_text(stored);
  }
  void keep(std::size_t name_bytes);
  [[nodiscard]] ExpTable& table_of(const std::string& name);
  void bracket(std::string_view line);
  void define(const std::string& statement);
  [[nodiscard]] bool is_declared(const ExpColumn& column, const DeclaredTable& table);
  void check_names(const ExpSection& section, const ExpTable& table);
  void note_columns(const ExpSection& section, const ExpTable& table);

  ExpDepth depth_;
  const model::RowTap& tap_;
  ExpReader reader_;
  ExpReport report_;
  ExpTally tally_;
  std::map<std::pair<std::string, std::string>, std::size_t> places_;
  std::string schema_;      // of CONNECT, else who exported
  std::string in_bracket_;  // of TABLE "X", as it stands there
  ExpTable* table_ = nullptr;
  std::unique_ptr<model::RowSink> sink_;  // of the section
  model::RowHasher hasher_;
  std::uint64_t undecodable_before_ = 0;
  std::size_t kept_bytes_ = 0;
};

bool Examination::read_front() {
  if (is_in_text_mode(reader_.front())) {
    add("oracle-exp-text-mode", Severity::blocker,
        "its lines end with a carriage return and a line feed",
        "it was transferred as text, and every byte behind the first line feed is displaced");
    return false;
  }
  try {
    report_.header = reader_.read_header();
    return true;
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    add("oracle-exp-header", Severity::blocker, error.message(), "nothing behind it can be read");
    return false;
  }
}

void Examination::read_content() {
  try {
    report_.descriptors =
        in_context("reading the descriptors", [this] { return reader_.read_descriptors(); });
    report_.user = text(report_.header->user);
    report_.created = text(report_.header->created);
    report_.file_name = text(report_.header->file_name);
    schema_ = report_.user;
    reader_.walk(*this);
    report_.is_complete = true;
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    const bool is_cut = reader_.is_cut();
    add(is_cut ? "oracle-exp-truncated" : "oracle-exp-damaged", Severity::blocker, error.message(),
        is_cut ? "a whole one ends with EXIT twice: the rest is missing, or lies in further files "
                 "of a set"
               : "what follows cannot be read");
  }
}

// One more thing with such a name is about to be in the report.
void Examination::keep(std::size_t name_bytes) {
  constexpr std::size_t each_bytes = 160;
  kept_bytes_ += each_bytes + name_bytes;
  if (kept_bytes_ > exp_report_bytes_max)
    throw Error(Errc::unsupported, fmt::format("the names of a dump's tables, columns and objects "
                                               "have more than {} bytes",
                                               exp_report_bytes_max));
}

ExpTable& Examination::table_of(const std::string& name) {
  const auto [place, is_new] = places_.try_emplace({schema_, name}, report_.tables.size());
  if (is_new) {
    keep(2 * name.size() + schema_.size());
    ExpTable& table = report_.tables.emplace_back();
    table.schema = schema_;
    table.table = name;
    table.has_digest = depth_ == ExpDepth::digested;
  }
  return report_.tables[place->second];
}

// Lines that say what those behind them are about.
void Examination::bracket(std::string_view line) {
  constexpr std::string_view table = "TABLE \"", connect = "CONNECT ";
  if (line.starts_with(table))
    in_bracket_ = line.substr(table.size(), line.rfind('"') - table.size());
  if (line == "ENDTABLE") in_bracket_.clear();
  if (line.starts_with(connect)) schema_ = text(line.substr(connect.size()));
}

void Examination::define(const std::string& statement) {
  if (auto declared = parse_create_table(statement)) {
    if (!in_bracket_.empty() && text(in_bracket_) != declared->name)
      tally_.differing_names.add(declared->name);
    ExpTable& table = table_of(declared->name);
    for (const DeclaredColumn& column : declared->columns)
      keep(column.name.size() + column.type.size());
    table.declared = std::move(declared);
  } else if (const std::string altered = altered_table(statement); !altered.empty()) {
    const auto place = places_.find({schema_, altered});
    if (place != places_.end() && report_.tables[place->second].declared)
      add_declared_key(statement, *report_.tables[place->second].declared);
  }
}

bool Examination::statement(const ExpStatement& statement) {
  const std::string_view line = statement.line;
  if (!is_known_statement(line)) {
    tally_.unknown_statements.add(fmt::format("at byte {}", statement.offset));
    return true;
  }
  if (line.starts_with("METRIC")) return true;
  bracket(line);
  if (line.starts_with("ANAL")) return true;
  const std::string stored = statement_text(statement);
  const std::string readable = text(stored);
  define(readable);
  const auto object = object_of(text(line), readable);
  const bool must_be_one =
      line == "CALTER TABLE" || line.starts_with("CREATE ") || must_make_object(readable);
  if (!object && must_be_one)
    tally_.unknown_statements.add(fmt::format("at byte {}", statement.offset));
  if (object) {
    keep(object->name.size() + object->grantee.size());
    if (!object->grantee.empty()) tally_.grantees.insert(object->grantee);
    report_.objects.push_back({object->kind, object->name, to_hex(sha256(as_bytes(stored)))});
  }
  return true;
}

// With such a name, and a type that has such values.
bool Examination::is_declared(const ExpColumn& column, const DeclaredTable& table) {
  const auto found = std::ranges::find(table.columns, text(column.name), &DeclaredColumn::name);
  if (found == table.columns.end()) return false;
  const auto defined = define_column(*found, false);
  return !defined || !column.kind() || defined->kind == *column.kind();
}

void Examination::check_names(const ExpSection& section, const ExpTable& table) {
  const bool is_elsewhere = !in_bracket_.empty() && in_bracket_ != section.table;
  bool has_others = false;
  if (table.declared && !table.declared->columns.empty())
    for (const ExpColumn& column : section.columns)
      has_others = has_others || !is_declared(column, *table.declared);
  if (is_elsewhere || has_others || !table.declared)
    tally_.differing_names.add(fmt::format("{} at byte {}", table.table, section.offset));
}

void Examination::note_columns(const ExpSection& section, const ExpTable& table) {
  const ExpHeader& header = *report_.header;
  const CharacterSet* const set = find_character_set(header.database_charset);
  for (const ExpColumn& column : section.columns) {
    const std::string name = table.table + "." + text(column.name);
    if (!column.kind()) tally_.unread_columns.add(name);
    if (column.is(ExpType::timestamp_local) && !zone_minutes_of(report_.descriptors.zone))
      tally_.local_times.add(name);
    if (!exp_type_has_charset(column.type)) continue;
    tally_.charsets.insert(column.charset);
    const std::uint16_t expected =
        column.is_national ? header.national_charset : header.database_charset;
    if (column.charset != expected) tally_.foreign_columns.add(name);
    if (column.is(ExpType::clob) && !column.is_national && set != nullptr && !set->is_multibyte)
      tally_.narrow_lobs.add(name);
  }
}

bool Examination::section(const ExpSection& section) {
  ExpTable& table = table_of(text(section.table));
  check_names(section, table);
  note_columns(section, table);
  keep(section.partition.size());
  if (table.columns.empty()) {
    table.columns = section.columns;
    for (ExpColumn& column : table.columns) {
      column.name = text(column.name);
      keep(column.name.size());
    }
  }
  table_ = &table;
  undecodable_before_ = reader_.decoder().undecodable();
  hasher_ = {};
  offer(table, section);
  return depth_ != ExpDepth::counted || sink_ != nullptr;
}

void Examination::offer(const ExpTable& table, const ExpSection& section) {
  if (!tap_) return;
  sink_ = tap_({}, {table.schema, table.table});
  if (!sink_) return;
  std::vector<model::Column> columns;
  for (const ExpColumn& column : section.columns)
    columns.push_back({text(column.name), column.type_text()});
  sink_->columns(columns);
}

void Examination::row(const ExpSection& /*section*/, model::Row& row) {
  if (depth_ == ExpDepth::digested) hasher_.add(row);
  if (sink_) sink_->row(row);
}

void Examination::section_end(const ExpSection& section) {
  sink_.reset();
  ExpTable& table = *table_;
  table.partitions.push_back({text(section.partition), section.rows});
  table.rows += section.rows;
  table.digest.add(hasher_.digest());
  const auto note = [&](ExpPlaces& places, std::uint64_t count) {
    if (count > 0) places.add(fmt::format("{} in {}", count, table.table));
  };
  note(tally_.long_values, section.long_values);
  note(tally_.large_rows, section.large_rows);
  note(tally_.undecodable, reader_.decoder().undecodable() - undecodable_before_);
  const bool is_unread =
      std::ranges::any_of(section.columns, [](const ExpColumn& column) { return !column.kind(); });
  if (section.large_rows > 0 || is_unread) table.has_digest = false;
}

}  // namespace

std::vector<DeclaredColumn> columns_of(const ExpTable& table) {
  if (table.columns.empty())
    return table.declared ? table.declared->columns : std::vector<DeclaredColumn>{};
  std::vector<DeclaredColumn> columns;
  for (const ExpColumn& column : table.columns) {
    DeclaredColumn found{column.name, column.type_text(), true};
    if (table.declared) {
      const auto declared =
          std::ranges::find(table.declared->columns, column.name, &DeclaredColumn::name);
      if (declared != table.declared->columns.end()) found = *declared;
    }
    columns.push_back(std::move(found));
  }
  return columns;
}

ExpReport examine_exp(ByteSource& source, ExpDepth depth, const std::stop_token& stop,
                      const model::RowTap& tap) {
  return Examination(source, depth, stop, tap).run();
}

}  // namespace holdfast::engine::oracle

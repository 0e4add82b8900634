// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/oracle/exp_examine.h"
#include "engine/oracle/exp_set.h"

namespace holdfast::engine::oracle {
namespace {

namespace fs = std::filesystem;
using model::Severity;

Json charset_json(std::uint16_t id) {
  Json json = Json::object();
  json.set("id", id);
  const CharacterSet* const set = find_character_set(id);
  json.set("name", set != nullptr ? Json(set->name) : Json());
  return json;
}

// "NUMBER(10,2)" of CREATE TABLE, else what the rows' section says.
std::string type_of(const ExpTable& table, const ExpColumn& column) {
  if (table.declared)
    for (const DeclaredColumn& declared : table.declared->columns)
      if (declared.name == column.name) return declared.type;
  return column.type_text();
}

Json table_json(const ExpTable& table, bool deep) {
  Json json = Json::object();
  json.set("schema", table.schema).set("table", table.table).set("rows", table.rows);
  json.set("deferred", table.is_deferred());
  Json partitions = Json::array();
  for (const ExpPartition& partition : table.partitions)
    if (!partition.name.empty())
      partitions.push(Json(Json::Object{{"name", partition.name}, {"rows", Json(partition.rows)}}));
  if (!partitions.as_array().empty()) json.set("partitions", std::move(partitions));
  if (!deep) return json;
  Json columns = Json::array();
  for (const DeclaredColumn& column : columns_of(table)) {
    Json one = Json::object();
    one.set("name", column.name).set("type", column.type).set("nullable", column.is_nullable);
    columns.push(std::move(one));
  }
  json.set("columns", std::move(columns));
  return json;
}

Json facts_of(const ExpReport& report, const ExpSet& set, bool deep) {
  Json facts = Json::object();
  facts.set("size_bytes", report.size_bytes);
  if (!report.header) return facts;
  const ExpHeader& header = *report.header;
  facts.set("version", header.version).set("user", report.user).set("is_dba", header.is_dba);
  facts.set("mode", header.mode).set("direct", header.is_direct);
  facts.set("client_charset", charset_json(header.client_charset));
  facts.set("database_charset", charset_json(header.database_charset));
  facts.set("national_charset", charset_json(header.national_charset));
  facts.set("block_size_bytes", header.block_size_bytes);
  facts.set("created", report.created).set("file_name", report.file_name);
  facts.set("time_zone", report.descriptors.zone);
  facts.set("file_number", header.file_number).set("files", set.files.size());
  Json tables = Json::array();
  for (const ExpTable& table : report.tables) tables.push(table_json(table, deep));
  facts.set("tables", std::move(tables));
  return facts;
}

void judge_set(const ExpSet& set, ExpReport& report) {
  if (!set.is_complete) {
    std::string numbers;
    for (const std::uint16_t number : set.numbers)
      numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", number);
    report.findings.push_back(finding("oracle-exp-set-incomplete", Severity::blocker,
                                      "of a set of several files there are only numbers " + numbers,
                                      "an export in several files can only be read as a whole",
                                      "Name all files of the set."));
  } else if (set.files.size() > 1) {
    report.findings.push_back(
        finding("oracle-exp-set", Severity::warning,
                fmt::format("{} files were read as one export", set.files.size()),
                "how they follow each other is known by description only; no genuine set was seen",
                "Compare the rows with the database."));
  }
}

// Gives rows of some tables to sinks of their own, and ends the walk behind the last of them.
class TappedRows final : public ExpVisitor {
 public:
  TappedRows(ExpReader& reader, std::vector<const ExpTable*> wanted, std::string user,
             const model::RowTap& tap)
      : reader_(reader), left_(std::move(wanted)), schema_(std::move(user)), tap_(tap) {}

  // Those that have no rows' section, after the walk.
  void end() {
    close();
    while (!left_.empty()) open(left_.begin());
  }

  bool statement(const ExpStatement& statement) override {
    const std::string_view line = statement.line;
    constexpr std::string_view connect = "CONNECT ";
    if (line.starts_with(connect)) schema_ = text(line.substr(connect.size()));
    return !(left_.empty() && (line.starts_with("TABLE ") || line == "ENDTABLE"));
  }
  // Partitions have sections of their own, one behind the other.
  bool section(const ExpSection& section) override {
    const std::string table = text(section.table);
    const auto is_it = [&](const ExpTable* one) {
      return one->table == table && one->schema == schema_;
    };
    if (open_ != nullptr && is_it(open_)) return sink_ != nullptr;
    close();
    const auto found = std::ranges::find_if(left_, is_it);
    if (found == left_.end()) return false;
    open_ = *found;
    open(found);
    return sink_ != nullptr;
  }
  void row(const ExpSection& /*section*/, model::Row& row) override { sink_->row(row); }
  void section_end(const ExpSection& /*section*/) override {}

 private:
  void open(std::vector<const ExpTable*>::iterator table) {
    const ExpTable& known = **table;
    left_.erase(table);
    sink_ = tap_({}, model::TableName{known.schema, known.table});
    if (!sink_) return;
    std::vector<model::Column> columns;
    for (const DeclaredColumn& column : columns_of(known))
      columns.push_back({column.name, column.type});
    sink_->columns(columns);
  }
  void close() {
    open_ = nullptr;
    sink_.reset();
  }
  [[nodiscard]] std::string text(std::string_view stored) {
    return reader_.decoder().client_text(stored);
  }

  ExpReader& reader_;
  std::vector<const ExpTable*> left_;  // not yet met
  std::string schema_;                 // whose session it would be
  const model::RowTap& tap_;
  const ExpTable* open_ = nullptr;
  std::unique_ptr<model::RowSink> sink_;
};

// Of one table, whose owner is somebody else.
class Lent final : public model::RowSink {
 public:
  explicit Lent(model::RowSink& into) : into_(into) {}
  void columns(const std::vector<model::Column>& columns) override { into_.columns(columns); }
  void row(const model::Row& row) override { into_.row(row); }

 private:
  model::RowSink& into_;
};

ExpSet set_of(const fs::path& file, std::span<const fs::path> others) {
  auto set = find_exp_set(file, others);
  if (!set)
    throw Error(Errc::corrupt,
                fmt::format("{} is no classic dump of Oracle", file.filename().native()));
  return std::move(*set);
}

ExpDepth depth_of(const InspectOptions& options) noexcept {
  if (!options.deep) return ExpDepth::counted;
  return options.digests ? ExpDepth::digested : ExpDepth::decoded;
}

ExpReport examine(const ExpSet& set, ExpDepth depth, const std::stop_token& stop) {
  ExpSetSource source(set.files, stop);
  return examine_exp(source, depth, stop);
}

void check_whole(const fs::path& file, const ExpReport& report) {
  for (const model::Finding& found : report.findings)
    if (found.severity == Severity::blocker)
      throw Error(Errc::corrupt, fmt::format("{}: {}", file.filename().native(), found.seen))
          .set_hint(found.mend);
}

void check_readable(const ExpTable& table) {
  for (const ExpColumn& column : table.columns)
    if (!column.kind())
      throw Error(Errc::unsupported,
                  fmt::format("column {} of {}.{} has values of {}, which cannot be read here",
                              column.name, table.schema, table.table, type_of(table, column)));
}

}  // namespace

std::optional<Inspection> inspect_exp(const fs::path& file, const InspectOptions& options,
                                      const std::stop_token& stop) {
  auto set = find_exp_set(file, options.others);
  if (!set) return std::nullopt;
  ExpReport report;
  if (set->is_complete) {
    report = examine(*set, depth_of(options), stop);
  } else if (set->header) {
    report.header = set->header;
    ExpDecoder decoder(set->header->client_charset, set->header->database_charset, "");
    report.user = decoder.client_text(set->header->user);
    report.created = decoder.client_text(set->header->created);
    report.file_name = decoder.client_text(set->header->file_name);
  }
  judge_set(*set, report);
  Inspection inspection;
  inspection.kind = "Oracle export";
  if (report.header) inspection.kind += fmt::format(" (exp {})", report.header->release());
  inspection.whole = report.is_complete && !model::has_blocker(report.findings);
  inspection.deep = options.deep;
  inspection.rows_counted = report.is_complete;
  inspection.objects_comparable = false;
  inspection.facts = facts_of(report, *set, options.deep);
  inspection.members = std::move(set->members);
  for (const ExpTable& table : report.tables) {
    model::TableFacts facts{table.schema, table.table, table.rows, ""};
    if (table.has_digest && report.is_complete) facts.digest = table.digest.hex();
    inspection.tables.push_back(std::move(facts));
  }
  inspection.objects = std::move(report.objects);
  inspection.findings = std::move(report.findings);
  return inspection;
}

void exp_rows(const fs::path& file, std::span<const fs::path> others, const model::TableName& table,
              model::RowSink& into, const std::stop_token& stop) {
  const model::RowTap tap = [&](std::string_view /*none*/, const model::TableName& /*table*/) {
    return std::make_unique<Lent>(into);
  };
  exp_tables(file, others, {&table, 1}, tap, stop);
}

void exp_tables(const fs::path& file, std::span<const fs::path> others,
                std::span<const model::TableName> tables, const model::RowTap& tap,
                const std::stop_token& stop) {
  const ExpSet set = set_of(file, others);
  // What is declared of a table, and that it is there at all, is known at the end only.
  const ExpReport report = examine(set, ExpDepth::counted, stop);
  std::vector<const ExpTable*> wanted;
  for (const model::TableName& table : tables) {
    const auto known = std::ranges::find_if(report.tables, [&](const ExpTable& one) {
      return one.table == table.table && (table.schema.empty() || one.schema == table.schema);
    });
    if (known == report.tables.end()) {
      check_whole(file, report);
      throw Error(Errc::not_found,
                  fmt::format("{} holds no table {}", file.filename().native(), table.display()));
    }
    check_readable(*known);
    wanted.push_back(&*known);
  }
  ExpSetSource source(set.files, stop);
  ExpReader reader(source, {.row_bytes_max = exp_row_bytes_max, .refuses_large_rows = true}, stop);
  reader.read_header();
  reader.read_descriptors();
  TappedRows rows(reader, std::move(wanted), report.user, tap);
  in_context("reading " + file.filename().native(), [&] {
    reader.walk(rows);
    rows.end();
  });
}

std::vector<model::TableDefinition> define_exp_tables(const fs::path& file,
                                                      std::span<const fs::path> others,
                                                      const std::stop_token& stop) {
  const ExpSet set = set_of(file, others);
  const ExpReport report = examine(set, ExpDepth::counted, stop);
  check_whole(file, report);
  const CharacterSet* const characters = find_character_set(report.header->database_charset);
  const bool has_wide_characters = characters == nullptr || characters->is_multibyte;
  std::vector<model::TableDefinition> definitions;
  for (const ExpTable& table : report.tables) {
    model::TableDefinition definition;
    definition.name = {table.schema, table.table};
    for (const DeclaredColumn& column : columns_of(table)) {
      const auto stored = std::ranges::find(table.columns, column.name, &ExpColumn::name);
      const bool is_readable = stored == table.columns.end() || stored->kind();
      auto defined = is_readable ? define_column(column, has_wide_characters) : std::nullopt;
      if (!defined) {
        defined.emplace();
        defined->name = column.name;
        defined->type = column.type;
        defined->obstacle = "values of this type cannot be read here";
      }
      definition.columns.push_back(std::move(*defined));
    }
    if (table.declared) {
      definition.primary_key = table.declared->primary_key;
      definition.unique = table.declared->unique;
    }
    for (model::ColumnDefinition& column : definition.columns)
      if (std::ranges::find(definition.primary_key, column.name) != definition.primary_key.end())
        column.is_nullable = false;
    definitions.push_back(std::move(definition));
  }
  return definitions;
}

void exp_statements(const fs::path& file, std::span<const fs::path> others,
                    const std::function<void(std::string_view, std::string_view)>& each,
                    const std::stop_token& stop) {
  class Statements final : public ExpVisitor {
   public:
    Statements(ExpReader& reader, std::string schema,
               const std::function<void(std::string_view, std::string_view)>& each_one)
        : reader_(reader), schema_(std::move(schema)), each_(each_one) {}
    bool statement(const ExpStatement& statement) override {
      const std::string_view line = statement.line;
      constexpr std::string_view connect = "CONNECT ";
      if (line.starts_with(connect))
        schema_ = reader_.decoder().client_text(line.substr(connect.size()));
      for (const char* const word : {"CREATE ", "ALTER ", "CALTER ", "GRANT ", "COMMENT "})
        if (line.starts_with(word))
          each_(schema_, reader_.decoder().client_text(statement_text(statement)));
      return true;
    }
    bool section(const ExpSection& /*section*/) override { return false; }
    void row(const ExpSection& /*section*/, model::Row& /*row*/) override {}
    void section_end(const ExpSection& /*section*/) override {}

   private:
    ExpReader& reader_;
    std::string schema_;
    const std::function<void(std::string_view, std::string_view)>& each_;
  };
  const ExpSet set = set_of(file, others);
  ExpSetSource source(set.files, stop);
  ExpReader reader(source, {}, stop);
  const std::string user = reader.read_header().user;
  reader.read_descriptors();
  Statements statements(reader, reader.decoder().client_text(user), each);
  in_context("reading " + file.filename().native(), [&] { reader.walk(statements); });
}

}  // namespace holdfast::engine::oracle

// SPDX-License-Identifier: Apache-2.0
// Scripts of schema_script.h as text and back, and what of code is its own name.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/sqlserver/schema_script.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::array<std::string_view, stage_count> stage_names{
    "options", "users",    "schemas",  "types",     "sequences",    "synonyms", "tables",
    "code",    "order",    "keys",     "indexes",   "view_indexes", "checks",   "foreign_keys",
    "history", "counters", "triggers", "disabling", "properties",   "rights"};

constexpr std::string_view mark_lead = "-- holdfast: ";

// The words at the beginning of a batch, as far as a CREATE statement's own name.
// Source: Transact-SQL Reference, "Database identifiers", "Slash star (block comment)", which may
// be nested.
class Head {
 public:
  explicit Head(std::string_view text) : text_(text) {}

  void skip_blank() {
    for (;;) {
      while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
      if (text_.substr(at_).starts_with("\xEF\xBB\xBF")) {
        at_ += 3;
      } else if (text_.substr(at_).starts_with("--")) {
        at_ = std::min(text_.size(), text_.find('\n', at_));
      } else if (text_.substr(at_).starts_with("/*")) {
        skip_comment();
      } else {
        return;
      }
    }
  }
  // The next word in capitals; empty if there is none.
  [[nodiscard]] std::string word() {
    skip_blank();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    return ascii_upper(text_.substr(begin, at_ - begin));
  }
  // One part of a name. False: there is none.
  [[nodiscard]] bool skip_name() {
    skip_blank();
    if (at_ >= text_.size()) return false;
    const char open = text_[at_];
    if (open == '[' || open == '"') {
      const char close = open == '[' ? ']' : '"';
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] != close) continue;
        ++at_;
        if (at_ >= text_.size() || text_[at_] != close) return true;
      }
      return false;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_of_name(text_[at_])) ++at_;
    return at_ > begin;
  }
  [[nodiscard]] bool skip_dot() {
    const std::size_t before = at_;
    skip_blank();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      return true;
    }
    at_ = before;
    return false;
  }
  [[nodiscard]] std::size_t at() const noexcept { return at_; }

 private:
  static bool is_letter(char c) noexcept { return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z'; }
  static bool is_of_name(char c) noexcept {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '@' || c == '#' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
  }
  void skip_comment() {
    int depth = 0;
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      const bool opens = rest.starts_with("/*");
      const bool closes = rest.starts_with("*/");
      at_ += opens || closes ? 2 : 1;
      depth += opens ? 1 : (closes ? -1 : 0);
      if (depth == 0) return;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool fits(ModuleKind kind, std::string_view word) noexcept {
  switch (kind) {
    case ModuleKind::view:
      return word == "VIEW";
    case ModuleKind::procedure:
      return word == "PROC" || word == "PROCEDURE";
    case ModuleKind::function:
      return word == "FUNCTION";
    case ModuleKind::trigger:
    case ModuleKind::database_trigger:
      return word == "TRIGGER";
  }
  return false;
}

Json mark_of(const Statement& statement) {
  Json mark = Json::object();
  mark.set("stage", stage_name(statement.stage));
  mark.set("kind", statement.kind).set("name", statement.name);
  if (!statement.table.table.empty())
    mark.set("schema", statement.table.schema).set("table", statement.table.table);
  if (!statement.hashed.empty()) mark.set("hashed", statement.hashed);
  if (!statement.ansi_nulls) mark.set("ansi_nulls", false);
  if (!statement.quoted_identifier) mark.set("quoted_identifier", false);
  mark.set("bytes", statement.sql.size());
  return mark;
}

// The statement without its text, and how long that is.
std::pair<Statement, std::uint64_t> parse_mark(std::string_view line) {
  const Json mark = Json::parse(line, "a mark of schema.sql");
  Statement statement;
  const auto* const stage = std::ranges::find(stage_names, mark.at("stage").as_string());
  if (stage == stage_names.end())
    throw Error(Errc::corrupt,
                fmt::format("schema.sql has a stage {}", mark.at("stage").as_string()));
  statement.stage = static_cast<Stage>(stage - stage_names.begin());
  statement.kind = mark.at("kind").as_string();
  statement.name = mark.at("name").as_string();
  statement.table = {mark.string_or("schema", ""), mark.string_or("table", "")};
  statement.hashed = mark.string_or("hashed", "");
  statement.ansi_nulls = mark.bool_or("ansi_nulls", true);
  statement.quoted_identifier = mark.bool_or("quoted_identifier", true);
  const std::uint64_t size = mark.at("bytes").as_uint();
  return {std::move(statement), size};
}

// Both are told together, as what goes back goes both ways.
std::string setting(const Statement& statement) {
  if (statement.ansi_nulls && statement.quoted_identifier) return {};
  return fmt::format("SET ANSI_NULLS {}; SET QUOTED_IDENTIFIER {};\nGO\n",
                     statement.ansi_nulls ? "ON" : "OFF",
                     statement.quoted_identifier ? "ON" : "OFF");
}

}  // namespace

std::string_view stage_name(Stage stage) noexcept {
  return stage_names[static_cast<std::size_t>(stage)];
}

std::string module_text(const CatalogModule& module) {
  const std::string& text = module.definition;
  Head head(text);
  bool is_fit = head.word() == "CREATE";
  std::string word = head.word();
  if (is_fit && word == "OR") {
    is_fit = head.word() == "ALTER";
    word = head.word();
  }
  is_fit = is_fit && fits(module.kind, word);
  head.skip_blank();
  const std::size_t begin = head.at();
  is_fit = is_fit && head.skip_name();
  std::size_t end = head.at();
  while (is_fit && head.skip_dot()) {
    is_fit = head.skip_name();
    end = head.at();
  }
  if (!is_fit)
    throw Error(Errc::unsupported,
                fmt::format("the definition of {} {} does not begin with CREATE and its name",
                            module_kind_name(module.kind), module.name.display()));
  return text.substr(0, begin) + quoted(module.name) + text.substr(end);
}

std::string script_of(std::span<const Statement> statements) {
  std::string script =
      "-- A database without its rows, as the server's catalog defines it. In an empty database "
      "of\n"
      "-- the same collation: sqlcmd -b -I -d target -i schema.sql\n"
      "-- What follows the first statement of stage \"keys\" comes after the rows.\n\n";
  for (const Statement& statement : statements) {
    const std::string set = setting(statement);
    script += set;
    script += fmt::format("{}{}\n{}\nGO\n", mark_lead, mark_of(statement).dump(), statement.sql);
    if (!set.empty()) script += "SET ANSI_NULLS ON; SET QUOTED_IDENTIFIER ON;\nGO\n";
    script += '\n';
  }
  return script;
}

std::vector<Statement> parse_script(std::string_view script) {
  std::vector<Statement> statements;
  while (!script.empty()) {
    const std::size_t end = std::min(script.size(), script.find('\n'));
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(std::min(script.size(), end + 1));
    if (!line.starts_with(mark_lead)) continue;
    auto [statement, size] = parse_mark(line.substr(mark_lead.size()));
    if (script.size() < size || !script.substr(size).starts_with("\nGO\n"))
      throw Error(Errc::corrupt,
                  fmt::format("schema.sql ends within {} {}", statement.kind, statement.name));
    statement.sql = script.substr(0, size);
    script.remove_prefix(size + 4);
    statements.push_back(std::move(statement));
  }
  return statements;
}

std::string prerequisites_of(const Catalog& catalog) {
  std::string script =
      "-- Logins whose users the database has; they and their passwords are the server's. Whoever\n"
      "-- administers it makes those that are missing before the database is restored.\n";
  for (const CatalogUser& user : catalog.users) {
    if (user.login.empty()) continue;
    const bool is_windows = user.kind == 'U' || user.kind == 'G';
    // A line that somebody could slip into a name is none of ours.
    std::string name = user.login;
    std::erase_if(name, [](char c) { return static_cast<unsigned char>(c) < ' '; });
    script += is_windows
                  ? fmt::format("CREATE LOGIN {} FROM WINDOWS;\n", identifier(name))
                  : fmt::format("-- CREATE LOGIN {} WITH PASSWORD = N'...';\n", identifier(name));
  }
  return script;
}

std::string rows_part(const SqlName& table) {
  // Else "a.b" with "c" and "a" with "b.c" would be one.
  if (table.schema.find('.') != std::string::npos)
    return fmt::format("tables/{}/{}.bcp", model::escape_name(table.schema),
                       model::escape_name(table.table));
  return fmt::format("tables/{}.{}.bcp", model::escape_name(table.schema),
                     model::escape_name(table.table));
}

Json to_json(const SqlTable& table) {
  Json json = Json::object();
  json.set("schema", table.name.schema).set("table", table.name.table);
  Json columns = Json::array();
  for (const SqlColumn& column : table.columns) {
    Json one = Json::object();
    one.set("name", column.name).set("type", column.type_name);
    one.set("length", column.length).set("precision", column.precision);
    one.set("scale", column.scale).set("nullable", column.is_nullable);
    if (column.is_max) one.set("max", true);
    if (column.is_identity) one.set("identity", true);
    columns.push(std::move(one));
  }
  json.set("columns", std::move(columns));
  Json computed = Json::array();
  for (const std::string& name : table.computed) computed.push(name);
  return json.set("computed", std::move(computed));
}

SqlTable parse_table(const Json& json) {
  SqlTable table;
  table.name = {json.at("schema").as_string(), json.at("table").as_string()};
  const auto number = [](const Json& one, std::string_view key) {
    const std::uint64_t value = one.at(key).as_uint();
    if (value > 0x7FFF'FFFF)
      throw Error(Errc::corrupt, fmt::format("`{}` of a column is {}", key, value));
    return static_cast<unsigned>(value);
  };
  for (const Json& one : json.at("columns").as_array()) {
    SqlColumn column;
    column.name = one.at("name").as_string();
    column.type_name = one.at("type").as_string();
    column.type = sql_type(column.type_name);
    column.length = number(one, "length");
    column.precision = number(one, "precision");
    column.scale = number(one, "scale");
    column.is_nullable = one.at("nullable").as_bool();
    column.is_max = one.bool_or("max", false);
    column.is_identity = one.bool_or("identity", false);
    table.columns.push_back(std::move(column));
  }
  for (const Json& name : json.at("computed").as_array())
    table.computed.push_back(name.as_string());
  return table;
}

}  // namespace holdfast::engine::sqlserver

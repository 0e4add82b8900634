// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/statement_reader.h"

namespace holdfast::engine::mariadb {
namespace {

using Kind = Judged::Kind;

// After the name of an event: makes it a disabled one. Whether it was enabled. What says so stands
// right before COMMENT 'text' and DO; the same words elsewhere are names of variables or functions.
bool disable_event(StatementReader& reader) {
  const auto is_part_of_a_name = [&](std::size_t at) {
    return reader.at(at - 1).is_symbol('@') || reader.at(at - 1).is_symbol('.');
  };
  int depth = 0;
  for (; !reader.at_end(); reader.next()) {
    const Lexeme lexeme = reader.peek();
    if (lexeme.is_symbol('(')) ++depth;
    if (lexeme.is_symbol(')')) --depth;
    std::size_t end = reader.position();
    if (depth != 0 || !lexeme.is("DO") || is_part_of_a_name(end)) continue;
    if (reader.at(end - 2).is("COMMENT") && !is_part_of_a_name(end - 2)) end -= 2;
    const std::size_t state = end - 1;
    const bool is_state = !is_part_of_a_name(state);
    if (is_state && reader.at(state).is("DISABLE")) return false;
    if (is_one_of(reader.at(state), {"SLAVE", "REPLICA"}) && reader.at(state - 1).is("ON") &&
        reader.at(state - 2).is("DISABLE"))
      return false;
    if (is_state && reader.at(state).is("ENABLE"))
      reader.replace(state, "DISABLE");
    else
      reader.insert_before(end, "DISABLE ");
    return true;
  }
  refuse_statement("the dump has an event that does nothing");
}

// Schemas that code names where a table, a routine or a column stands: those of others.
std::vector<std::string> schemas_named(StatementReader& reader) {
  std::vector<std::string> others;
  for (std::size_t i = reader.position(); !reader.at_end(); reader.next(), ++i) {
    if (i < 2 || !reader.at(i).is_name() || !reader.peek(1).is_symbol('.')) continue;
    if (reader.at(i - 1).is_symbol('.')) continue;
    const bool has_three = reader.peek(2).is_name() && reader.peek(3).is_symbol('.');
    std::size_t before = i - 1;
    while (before > 0 && reader.at(before).is_symbol('(')) --before;
    const bool is_table = is_one_of(
        reader.at(before), {"FROM", "JOIN", "STRAIGHT_JOIN", "INTO", "UPDATE", "CALL", "TABLE"});
    const std::string schema = reader.at(i).name();
    if ((has_three || is_table) && schema != reader.own()) others.push_back(schema);
  }
  std::sort(others.begin(), others.end());
  others.erase(std::unique(others.begin(), others.end()), others.end());
  return others;
}

Judged judge_code(std::string_view statement, const Reading& reading, const Gate::Scope& scope) {
  const std::string sql = laid_open(statement, reading, Comments::kept);
  StatementReader reader(sql, reading, scope.schema);
  reader.next();  // CREATE
  const CodeHead head = take_code_head(reader);
  const auto kind = take_code_kind(reader);
  if (!kind) refuse_statement("the dump makes what dumps do not: " + verb_of(reader.peek()));
  static_cast<void>(take_if_exists(reader));
  Judged judged;
  judged.kind = Kind::code;
  judged.code_kind = *kind;
  // Triggers are written as their authors wrote them, often with the schema's name.
  const bool bare = *kind == CodeKind::trigger;
  judged.name = reader.take_name(bare);
  std::string table;
  check_code_body(reader, *kind, judged.name, bare, &table);
  if (*kind == CodeKind::event) judged.was_enabled = disable_event(reader);
  // A view keeps no mode in which it was made.
  if (*kind == CodeKind::view) reader.unquote_ansi();
  for (const std::string& schema : schemas_named(reader))
    judged.notes.push_back(fmt::format("{} {} uses another schema, {}, as whoever defines it may",
                                       code_kind_name(*kind), judged.name, schema));
  if (!scope.keeps_definers && head.definer_from < head.definer_to) {
    judged.definer = head.definer;
    reader.remove(head.definer_from, head.definer_to);
  }
  judged.sql = reader.text();
  return judged;
}

// "CHARACTER SET x COLLATE y" of CREATE DATABASE and ALTER DATABASE, for the schema that is filled.
Judged judge_database(StatementReader& reader, bool creates) {
  static_cast<void>(take_if_exists(reader));
  if (reader.peek().is_name() &&
      !is_one_of(reader.peek(), {"DEFAULT", "CHARACTER", "CHARSET", "COLLATE"}))
    reader.next();
  std::string sql;
  const auto word = [&] {
    static_cast<void>(reader.take('='));
    const std::string text = unquoted(reader.next());
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (!plain) refuse_statement("the dump has a character set that is none");
    return text;
  };
  while (!reader.at_end()) {
    if (reader.take("DEFAULT")) continue;
    if (reader.take("CHARSET") || (reader.peek().is("CHARACTER") && reader.peek(1).is("SET"))) {
      if (reader.take("CHARACTER")) reader.next();
      sql += " CHARACTER SET " + word();
    } else if (reader.take("COLLATE")) {
      sql += " COLLATE " + word();
    } else if (!creates) {
      refuse_statement("the dump alters the schema in a way that dumps do not");
    } else {
      break;  // its comment, how it is encrypted
    }
  }
  Judged judged;
  if (sql.empty()) return judged;
  judged.kind = Kind::attempt;
  judged.sql = "ALTER DATABASE" + sql;
  return judged;
}

Judged judge_create(StatementReader& reader, std::string_view statement, const Reading& reading,
                    const Gate::Scope& scope) {
  reader.next();
  if (is_one_of(reader.peek(), {"DATABASE", "SCHEMA"})) {
    reader.next();
    return judge_database(reader, true);
  }
  const std::size_t head = reader.position();
  if (reader.take("OR") && !reader.take("REPLACE"))
    refuse_statement("the dump has a malformed definition");
  const bool is_table = reader.take("TABLE");
  if (!is_table && !reader.take("SEQUENCE")) {
    reader.back_to(head);
    return judge_code(statement, reading, scope);
  }
  static_cast<void>(take_if_exists(reader));
  Judged judged;
  judged.kind = Kind::run;
  const std::string name = reader.take_name();
  if (is_table) {
    check_table(reader, name, &judged.notes);
  } else {
    check_sequence(reader, name);
  }
  judged.sql = reader.text();
  return judged;
}

Judged judge_drop(StatementReader& reader) {
  reader.next();
  Judged judged;
  if (is_one_of(reader.peek(), {"DATABASE", "SCHEMA"})) return judged;
  const bool is_table = reader.take("TABLE");
  if (is_table || reader.take("SEQUENCE")) {
    static_cast<void>(take_if_exists(reader));
    const std::string name = reader.take_name();
    reader.expect_end("a DROP");
    judged.kind = Kind::run;
    judged.sql =
        fmt::format("DROP {} IF EXISTS {}", is_table ? "TABLE" : "SEQUENCE", quote_name(name));
    return judged;
  }
  const auto kind = take_code_kind(reader);
  if (!kind) refuse_statement("the dump drops what dumps do not: " + verb_of(reader.peek()));
  static_cast<void>(take_if_exists(reader));
  judged.kind = Kind::drop_code;
  judged.code_kind = *kind;
  judged.name = reader.take_name(*kind == CodeKind::trigger);
  reader.expect_end("a DROP");
  return judged;
}

// ALTER TABLE t DISABLE KEYS, and keys that are made after the rows.
Judged judge_alter(StatementReader& reader) {
  reader.next();
  if (is_one_of(reader.peek(), {"DATABASE", "SCHEMA"})) {
    reader.next();
    return judge_database(reader, false);
  }
  if (!reader.take("TABLE"))
    refuse_statement("the dump alters what dumps do not: " + verb_of(reader.peek()));
  const std::string name = reader.take_name();
  Judged judged;
  judged.kind = Kind::run;
  if (is_one_of(reader.peek(), {"DISABLE", "ENABLE"}) && reader.peek(1).is("KEYS")) {
    reader.next();
    reader.next();
    reader.expect_end("an ALTER TABLE");
    judged.sql = reader.text();
    return judged;
  }
  int depth = 0;
  bool begins = true;
  for (; !reader.at_end(); reader.next()) {
    if (begins) {
      const bool adds_key =
          reader.take("ADD") &&
          is_one_of(reader.peek(), {"KEY", "INDEX", "UNIQUE", "FULLTEXT", "SPATIAL", "PRIMARY",
                                    "CONSTRAINT", "FOREIGN"});
      if (!adds_key)
        refuse_statement(fmt::format("the dump alters table {} in a way dumps do not", name));
    }
    if (reader.peek().is("SELECT"))
      refuse_statement(fmt::format("the dump alters table {} in a way dumps do not", name));
    if (reader.peek().is_symbol('(')) ++depth;
    if (reader.peek().is_symbol(')')) --depth;
    reader.refuse_others(reader.position(), name);
    begins = depth == 0 && reader.peek().is_symbol(',');
  }
  if (begins || depth != 0)
    refuse_statement(fmt::format("the dump alters table {} malformedly", name));
  judged.sql = reader.text();
  return judged;
}

// One "name = value" of a SET statement: text of it if it is to be run.
class Setting {
 public:
  explicit Setting(StatementReader& reader) : reader_(reader) {}

  std::optional<std::string> take() {
    const std::size_t from = reader_.position();
    auto text = take_whole();
    if (text) return text;
    reader_.back_to(from);
    // Replication and the like: not for us, whatever its value.
    for (int depth = 0; !reader_.at_end(); reader_.next()) {
      if (reader_.peek().is_symbol('(')) ++depth;
      if (reader_.peek().is_symbol(')')) --depth;
      if (depth == 0 && reader_.peek().is_symbol(',')) break;
    }
    return std::nullopt;
  }

 private:
  static bool is_ours(const Lexeme& lexeme) {
    return is_one_of(
        lexeme,
        {"CHARACTER_SET_CLIENT", "CHARACTER_SET_RESULTS", "CHARACTER_SET_CONNECTION",
         "COLLATION_CONNECTION", "SQL_MODE", "TIME_ZONE", "UNIQUE_CHECKS", "FOREIGN_KEY_CHECKS",
         "CHECK_CONSTRAINT_CHECKS", "SQL_NOTES", "NOTE_VERBOSITY", "SQL_QUOTE_SHOW_CREATE",
         "EXPLICIT_DEFAULTS_FOR_TIMESTAMP", "SYSTEM_VERSIONING_INSERT_HISTORY"});
  }

  // "@name"
  std::optional<std::string> take_user_variable() {
    if (!reader_.peek().is_symbol('@') || !reader_.peek(1).is_name()) return std::nullopt;
    reader_.next();
    return "@" + quote_name(reader_.next().name());
  }

  // "@@[SESSION.]name"
  std::optional<std::string> take_system_variable() {
    if (!reader_.peek().is_symbol('@') || !reader_.peek(1).is_symbol('@')) return std::nullopt;
    reader_.next();
    reader_.next();
    std::string text = "@@";
    if (is_one_of(reader_.peek(), {"SESSION", "LOCAL", "GLOBAL"}) &&
        reader_.peek(1).is_symbol('.')) {
      text += std::string(reader_.next().text) + ".";
      reader_.next();
    }
    if (reader_.peek().kind != Lexeme::Kind::word) return std::nullopt;
    return text + std::string(reader_.next().text);
  }

  std::optional<std::string> take_value() {
    if (auto variable = take_system_variable()) return variable;
    if (auto variable = take_user_variable()) return variable;
    std::string text;
    if (reader_.take('-')) text = "-";
    const Lexeme value = reader_.next();
    if (value.kind == Lexeme::Kind::symbol || value.kind == Lexeme::Kind::name) return std::nullopt;
    return text + std::string(value.text);
  }

  std::optional<std::string> take_whole() {
    std::string text;
    bool is_system = false;
    if (reader_.peek().is_symbol('@') && reader_.peek(1).is_symbol('@')) {
      reader_.next();
      reader_.next();
      is_system = true;
    }
    if (is_one_of(reader_.peek(), {"SESSION", "LOCAL"})) {
      reader_.next();
      if (is_system && !reader_.take('.')) return std::nullopt;
      is_system = true;
    }
    if (is_ours(reader_.peek())) {
      text = "SESSION " + std::string(reader_.next().text);
    } else if (auto variable = is_system ? std::nullopt : take_user_variable()) {
      text = *variable;
    } else {
      return std::nullopt;
    }
    static_cast<void>(reader_.take(':'));
    if (!reader_.take('=')) return std::nullopt;
    const auto value = take_value();
    if (!value || (!reader_.at_end() && !reader_.peek().is_symbol(','))) return std::nullopt;
    return text + "=" + *value;
  }

  StatementReader& reader_;
};

Judged judge_setting(StatementReader& reader) {
  reader.next();
  Judged judged;
  if (is_one_of(reader.peek(), {"STATEMENT", "PASSWORD", "ROLE", "DEFAULT", "RESOURCE"}))
    refuse_statement("the dump has a statement that dumps do not have: SET " +
                     verb_of(reader.peek()));
  if (reader.peek().is("TRANSACTION") || reader.peek(1).is("TRANSACTION")) return judged;
  std::string sql;
  if (reader.take("NAMES")) {
    const Lexeme set = reader.next();
    if (set.kind != Lexeme::Kind::word && set.kind != Lexeme::Kind::text)
      refuse_statement("the dump has a character set that is none");
    sql = "NAMES " + std::string(set.text);
    if (reader.take("COLLATE")) {
      if (reader.peek().kind != Lexeme::Kind::word && reader.peek().kind != Lexeme::Kind::text)
        refuse_statement("the dump has a character set that is none");
      sql += " COLLATE " + std::string(reader.next().text);
    }
    if (!reader.at_end() && !reader.take(','))
      refuse_statement("the dump has a malformed SET NAMES");
  }
  while (!reader.at_end()) {
    if (auto text = Setting(reader).take()) sql += (sql.empty() ? "" : ", ") + *text;
    if (!reader.at_end() && !reader.take(',')) refuse_statement("the dump has a malformed SET");
  }
  if (sql.empty()) return judged;
  judged.kind = Kind::settings;
  judged.sql = "SET " + sql;
  return judged;
}

// INSERT INTO `t` (…) VALUES (…),(…): values and nothing else. Read without a list of its lexemes,
// as it may be long.
class RowsReader {
 public:
  RowsReader(std::string_view sql, const Reading& reading, const std::string& own)
      : sql_(sql), reader_(sql, reading), own_(own) {
    advance();
  }

  Judged judge() {
    advance();  // INSERT or REPLACE
    while (!at_end_ && is_one_of(now_, {"LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"}))
      advance();
    if (is("INTO")) advance();
    Judged judged;
    judged.kind = Kind::rows;
    take_name(judged);
    if (is_symbol('(')) take_columns();
    if (!is("VALUES") && !is("VALUE")) malformed();
    do {
      advance();
      take_row();
    } while (is_symbol(','));
    if (!at_end_) malformed();
    if (reader_.saw_comment()) malformed();
    return judged;
  }

 private:
  [[noreturn]] void malformed() const {
    refuse_statement(fmt::format("an INSERT of the dump into {} is none of values", name_));
  }
  void advance() {
    const auto lexeme = reader_.next();
    at_end_ = !lexeme;
    if (lexeme) now_ = *lexeme;
  }
  [[nodiscard]] bool is(std::string_view word) const { return !at_end_ && now_.is(word); }
  [[nodiscard]] bool is_symbol(char c) const { return !at_end_ && now_.is_symbol(c); }
  void expect(char c) {
    if (!is_symbol(c)) malformed();
    advance();
  }

  void take_name(Judged& judged) {
    if (at_end_ || !now_.is_name()) malformed();
    const std::size_t from = now_.at;
    name_ = now_.name();
    advance();
    if (!is_symbol('.')) return;
    if (own_.empty() || name_ != own_)
      refuse_statement(fmt::format("the dump writes to another schema: {}", name_));
    advance();
    if (at_end_ || !now_.is_name()) malformed();
    judged.sql = std::string(sql_.substr(0, from)) + std::string(sql_.substr(now_.at));
    name_ = now_.name();
    advance();
  }

  void take_columns() {
    do {
      advance();
      if (at_end_ || !now_.is_name()) malformed();
      advance();
    } while (is_symbol(','));
    expect(')');
  }

  void take_row() {
    expect('(');
    if (is_symbol(')')) return advance();
    while (true) {
      take_value();
      if (!is_symbol(',')) break;
      advance();
    }
    expect(')');
  }

  // A text, perhaps in parts, perhaps with its character set in front.
  void take_text() {
    if (at_end_ || now_.kind != Lexeme::Kind::text) malformed();
    while (!at_end_ && now_.kind == Lexeme::Kind::text) advance();
  }

  void take_value() {
    while (is_symbol('-') || is_symbol('+')) advance();
    if (at_end_) malformed();
    if (now_.kind == Lexeme::Kind::number) return advance();
    if (now_.kind == Lexeme::Kind::text) return take_text();
    if (now_.kind != Lexeme::Kind::word) malformed();
    if (is_one_of(now_, {"NULL", "TRUE", "FALSE", "DEFAULT"})) return advance();
    const bool converts = is_one_of(now_, {"CONVERT", "UNHEX", "FROM_BASE64"});
    const bool introduces = now_.text.starts_with('_') || is_one_of(now_, {"X", "B", "N"});
    if (!converts && !introduces) malformed();
    advance();
    if (introduces) {
      if (!at_end_ && now_.kind == Lexeme::Kind::number) return advance();
      return take_text();
    }
    expect('(');
    take_value();
    if (is("USING")) {
      advance();
      if (at_end_ || now_.kind != Lexeme::Kind::word) malformed();
      advance();
    }
    expect(')');
  }

  std::string_view sql_;
  LexemeReader reader_;
  const std::string& own_;
  Lexeme now_;
  bool at_end_ = false;
  std::string name_ = "(no table)";
};

bool begins_with_rows(std::string_view sql) {
  std::size_t end = 0;
  while (end < sql.size() && end < 8 && ((sql[end] | 0x20) >= 'a' && (sql[end] | 0x20) <= 'z'))
    ++end;
  const std::string verb = ascii_upper(sql.substr(0, end));
  return verb == "INSERT" || verb == "REPLACE";
}

}  // namespace

Judged Gate::enter(const std::string& schema) {
  if (scope_.schema.empty()) scope_.schema = schema;
  is_in_ = schema == scope_.schema;
  if (!is_in_ && !scope_.skips_others)
    throw Error(Errc::unsupported,
                fmt::format("the dump holds several schemas, {} and {}", scope_.schema, schema))
        .set_hint("Name the one that you want in the target's uri, or dump them one by one.");
  return {};
}

Judged Gate::judge(std::string_view statement, const Reading& reading) {
  if (begins_with_rows(statement)) {
    if (!is_in_) return {};
    return RowsReader(statement, reading, scope_.schema).judge();
  }
  if (statement.size() > definition_bytes_max) {
    if (!is_in_) return {};
    refuse_statement(
        fmt::format("the dump has a definition of more than {} bytes", definition_bytes_max));
  }
  const std::string open = laid_open(statement, reading);
  StatementReader reader(open, reading, scope_.schema);
  if (reader.at_end()) return {};
  const Lexeme first = reader.peek();
  if (first.is("USE")) {
    reader.next();
    if (!reader.peek().is_name()) refuse_statement("the dump has a statement without a name");
    const std::string schema = reader.next().name();
    reader.expect_end("a USE");
    return enter(schema);
  }
  if (first.is("SET")) return judge_setting(reader);
  if (!is_in_) return {};
  // Those of replication are for whoever makes a replica of the dump.
  if (is_one_of(first, {"LOCK", "UNLOCK", "COMMIT", "START", "BEGIN", "FLUSH", "CHANGE", "STOP"}))
    return {};
  if (is_one_of(first, {"INSERT", "REPLACE"})) {
    Judged judged = RowsReader(open, reading, scope_.schema).judge();
    if (judged.sql.empty()) judged.sql = open;
    return judged;
  }
  if (is_one_of(first, {"DO", "SELECT"}) && reader.peek(1).is("SETVAL")) {
    reader.next();
    reader.next();
    Judged judged;
    judged.kind = Kind::run;
    judged.sql = setval(reader, judged.name);
    return judged;
  }
  if (first.is("CREATE")) return judge_create(reader, statement, reading, scope_);
  if (first.is("DROP")) return judge_drop(reader);
  if (first.is("ALTER")) return judge_alter(reader);
  refuse_statement("the dump has a statement that dumps do not have: " + verb_of(first));
}

}  // namespace holdfast::engine::mariadb

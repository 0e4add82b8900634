// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

// Engines whose tables are in the schema and nowhere else.
bool is_local_engine(const std::string& name) {
  constexpr std::array<std::string_view, 15> local{
      "INNODB", "XTRADB",  "MYISAM", "ARIA",       "MEMORY",  "HEAP",      "CSV",       "ARCHIVE",
      "TOKUDB", "ROCKSDB", "MERGE",  "MRG_MYISAM", "MROONGA", "BLACKHOLE", "NDBCLUSTER"};
  return std::find(local.begin(), local.end(), ascii_upper(name)) != local.end();
}

// ENGINE [=] name, at the word ENGINE.
void check_engine(StatementReader& reader, const std::string& name) {
  const std::size_t here = reader.position();
  reader.next();
  static_cast<void>(reader.take('='));
  const Lexeme engine = reader.peek();
  const bool says = engine.is_name() || engine.kind == Lexeme::Kind::text;
  if (says && !is_local_engine(unquoted(engine)))
    refuse_statement(
        fmt::format("table {} of the dump is of the engine {}, which reaches outside of its "
                    "schema",
                    name, unquoted(engine).substr(0, 64)));
  reader.back_to(here);
}

// [DATA|INDEX] DIRECTORY [=] 'path' is the dump's server's: gone, with a note.
bool take_directory(StatementReader& reader, const std::string& name,
                    std::vector<std::string>* notes) {
  if (notes == nullptr || !is_one_of(reader.peek(), {"DATA", "INDEX"}) ||
      !reader.peek(1).is("DIRECTORY"))
    return false;
  const std::size_t from = reader.position();
  reader.next();
  reader.next();
  static_cast<void>(reader.take('='));
  if (reader.next().kind != Lexeme::Kind::text)
    refuse_statement(fmt::format("table {} of the dump names a directory", name));
  reader.remove(from, reader.position());
  notes->push_back(fmt::format("table {} is in the schema's own directory", name));
  return true;
}

// [-] number
void take_number(StatementReader& reader, std::string& text) {
  if (reader.take('-')) text += '-';
  if (reader.peek().kind != Lexeme::Kind::number)
    refuse_statement("the dump sets a sequence to no number");
  text += reader.next().text;
}

struct CodeWord {
  std::string_view word;
  CodeKind kind;
};
constexpr std::array<CodeWord, 6> code_words{{{"VIEW", CodeKind::view},
                                              {"TRIGGER", CodeKind::trigger},
                                              {"PROCEDURE", CodeKind::procedure},
                                              {"FUNCTION", CodeKind::function},
                                              {"EVENT", CodeKind::event},
                                              {"PACKAGE", CodeKind::package}}};

// DEFINER = user[@host] | CURRENT_USER[()], at the word DEFINER; without quotes, empty for whoever
// runs it.
std::string take_definer(StatementReader& reader) {
  reader.next();
  if (!reader.take('=')) refuse_statement("the dump has a definer that is none");
  const auto part = [&] {
    const Lexeme lexeme = reader.next();
    if (!lexeme.is_name() && lexeme.kind != Lexeme::Kind::text)
      refuse_statement("the dump has a definer that is none");
    return unquoted(lexeme);
  };
  const bool is_runner = reader.peek().is("CURRENT_USER");
  std::string definer = part();
  if (reader.take('@')) {
    definer += "@" + part();
  } else if (reader.take('(') && !reader.take(')')) {
    refuse_statement("the dump has a definer that is none");
  }
  return is_runner ? "" : definer;
}

}  // namespace

bool take_if_exists(StatementReader& reader) {
  if (!reader.take("IF")) return false;
  static_cast<void>(reader.take("NOT"));
  if (!reader.take("EXISTS")) refuse_statement("the dump has a statement without a name");
  return true;
}

void check_table(StatementReader& reader, const std::string& name,
                 std::vector<std::string>* notes) {
  if (!reader.peek().is_symbol('(') || reader.peek(1).is("LIKE") || reader.peek(1).is_symbol('('))
    refuse_statement(fmt::format("table {} of the dump is not defined by its columns", name));
  int depth = 0;
  bool in_options = false;
  while (!reader.at_end()) {
    const Lexeme lexeme = reader.peek();
    const bool copies = lexeme.is("SELECT") || lexeme.is("LOAD_FILE") ||
                        (in_options && depth == 0 &&
                         (is_one_of(lexeme, {"AS", "LIKE", "IGNORE", "REPLACE", "TABLE"}) ||
                          (lexeme.is("WITH") && !is_one_of(reader.peek(1), {"SYSTEM", "PARSER"}))));
    if (copies || lexeme.is_symbol(';'))
      refuse_statement(fmt::format("table {} of the dump is not defined by its columns", name));
    if (lexeme.is_symbol('(')) ++depth;
    if (lexeme.is_symbol(')') && --depth == 0) in_options = true;
    if (depth < 0) refuse_statement(fmt::format("table {} of the dump is malformed", name));
    if (notes != nullptr) {
      reader.refuse_others(reader.position(), name);
      if (in_options && lexeme.is("ENGINE")) check_engine(reader, name);
      if (in_options && take_directory(reader, name, notes)) continue;
    }
    reader.next();
  }
  if (depth != 0 || !in_options)
    refuse_statement(fmt::format("table {} of the dump is malformed", name));
}

void check_sequence(StatementReader& reader, const std::string& name) {
  while (!reader.at_end()) {
    if (reader.peek().is("ENGINE")) check_engine(reader, name);
    const Lexeme lexeme = reader.next();
    const bool fits = lexeme.kind == Lexeme::Kind::word || lexeme.kind == Lexeme::Kind::number ||
                      lexeme.is_symbol('-') || lexeme.is_symbol('=') || lexeme.is_symbol(',');
    if (!fits) refuse_statement(fmt::format("sequence {} of the dump is malformed", name));
  }
}

std::string setval(StatementReader& reader, std::string& name) {
  if (!reader.take('(')) refuse_statement("the dump has a statement without a name");
  name = reader.take_name();
  std::string sql = fmt::format("DO SETVAL({}", quote_name(name));
  for (int numbers = 0; numbers < 3 && reader.take(','); ++numbers) {
    sql += ", ";
    take_number(reader, sql);
  }
  if (!reader.take(')')) refuse_statement("the dump sets a sequence to no number");
  if (reader.peek().is("AS")) {  // mariadb-dump's SELECT may name its column
    reader.next();
    reader.next();
  }
  reader.expect_end("a SETVAL");
  return sql + ")";
}

std::optional<CodeKind> take_code_kind(StatementReader& reader) {
  for (const CodeWord& one : code_words) {
    if (!reader.take(one.word)) continue;
    if (one.kind == CodeKind::package && reader.take("BODY")) return CodeKind::package_body;
    return one.kind;
  }
  return std::nullopt;
}

CodeHead take_code_head(StatementReader& reader) {
  CodeHead head;
  if (reader.take("OR") && !reader.take("REPLACE"))
    refuse_statement("the dump has a malformed definition");
  while (true) {
    if (reader.peek().is("DEFINER")) {
      head.definer_from = reader.position();
      head.definer = take_definer(reader);
      head.definer_to = reader.position();
    } else if (reader.take("ALGORITHM")) {
      if (!reader.take('=') || reader.next().kind != Lexeme::Kind::word)
        refuse_statement("the dump has a malformed definition");
    } else if (reader.take("SQL")) {
      if (!reader.take("SECURITY") || reader.next().kind != Lexeme::Kind::word)
        refuse_statement("the dump has a malformed definition");
    } else if (!reader.take("AGGREGATE")) {
      return head;
    }
  }
}

void check_code_body(StatementReader& reader, CodeKind kind, const std::string& name, bool bare,
                     std::string* table) {
  const auto malformed = [&] {
    refuse_statement(fmt::format("{} {} of the dump is malformed", code_kind_name(kind), name));
  };
  const Lexeme first = reader.peek();
  switch (kind) {
    case CodeKind::view:
      if (!first.is("AS") && !first.is_symbol('(')) malformed();
      break;
    case CodeKind::trigger:
      if (!is_one_of(first, {"BEFORE", "AFTER"})) malformed();
      for (int words = 0; !reader.take("ON"); ++words) {
        if (words > 8 || reader.next().kind != Lexeme::Kind::word) malformed();
      }
      *table = reader.take_name(bare);
      if (!reader.take("FOR")) malformed();
      break;
    case CodeKind::procedure:
    case CodeKind::function:
      if (!first.is_symbol('(') && !is_one_of(first, {"AS", "IS", "RETURN"})) malformed();
      break;
    case CodeKind::event:
      if (!first.is("ON") || !reader.peek(1).is("SCHEDULE")) malformed();
      break;
    case CodeKind::package:
    case CodeKind::package_body:
      break;
  }
}

std::string checked_setval(std::string_view name, const std::string& sql) {
  const Reading reading;
  const std::string own;
  std::string run, found;
  try {
    StatementReader reader(sql, reading, own);
    if (reader.take("DO") && reader.take("SETVAL")) run = setval(reader, found);
  } catch (const Error& error) {  // the same answer, whatever it says instead
    if (error.code() != Errc::unsupported) throw;
  }
  if (run.empty() || found != name)
    throw Error(Errc::corrupt, fmt::format("the definition of sequence {} is not one", name));
  return run;
}

std::string checked_definition(std::string_view kind, std::string_view name, const std::string& sql,
                               const Reading& reading) {
  const bool has_rows = kind == "table" || kind == "sequence";
  const std::string own;
  std::optional<std::string> found;
  std::string open;
  try {
    if (sql.size() > definition_bytes_max) refuse_statement("too long");
    // The server itself reads what is hidden in a body: it is in there, whatever it says.
    open = has_rows ? laid_open(sql, reading, Comments::kept) : sql;
    StatementReader reader(open, reading, own);
    if (!reader.take("CREATE")) refuse_statement("something else");
    if (has_rows) {
      if (!reader.take(kind == "table" ? "TABLE" : "SEQUENCE")) refuse_statement("something else");
      found = reader.take_name();
      if (kind == "table") check_table(reader, *found, nullptr);
      if (kind == "sequence") check_sequence(reader, *found);
    } else {
      static_cast<void>(take_code_head(reader));
      const auto code = take_code_kind(reader);
      if (!code || code_kind_name(*code) != kind) refuse_statement("something else");
      found = reader.take_name();
      std::string table;
      check_code_body(reader, *code, *found, false, &table);
    }
  } catch (const Error& error) {  // the same answer, whatever it says instead
    if (error.code() != Errc::unsupported && error.code() != Errc::corrupt) throw;
    found.reset();
  }
  if (found != name)
    throw Error(Errc::corrupt, fmt::format("the definition of {} {} is not one", kind, name));
  return open;
}

}  // namespace holdfast::engine::mariadb

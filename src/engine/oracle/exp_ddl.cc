// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_ddl.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/ascii.h"

namespace holdfast::engine::oracle {
namespace {

using model::ValueKind;

struct Word {
  enum class Kind : std::uint8_t { end, name, word, text, sign } kind = Kind::end;
  std::string_view text;  // of a name without its quotes

  [[nodiscard]] bool is(std::string_view bare) const noexcept {
    return (kind == Kind::word || kind == Kind::sign) && text == bare;
  }
  [[nodiscard]] bool is_identifier() const noexcept {
    return kind == Kind::name || kind == Kind::word;
  }
};

bool is_word_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '#' || static_cast<unsigned char>(c) >= 0x80;
}

// Names, words, texts and signs, one after the other.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) { next(); }

  [[nodiscard]] const Word& now() const noexcept { return now_; }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }  // behind now()
  Word take() {
    const Word taken = now_;
    next();
    return taken;
  }
  bool take_if(std::string_view bare) {
    if (!now_.is(bare)) return false;
    next();
    return true;
  }
  // Past the bracket that closes the one that was just taken.
  void skip_bracket() {
    for (int depth = 1; depth > 0 && now_.kind != Word::Kind::end;) {
      const Word word = take();
      depth += word.is("(") ? 1 : word.is(")") ? -1 : 0;
    }
  }
  // `("A", "B")`, if it is next.
  std::vector<std::string> names() {
    std::vector<std::string> all;
    if (!take_if("(")) return all;
    while (now_.is_identifier()) {
      all.emplace_back(take().text);
      if (!take_if(",")) break;
    }
    skip_bracket();
    return all;
  }

 private:
  void next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    if (rest_.empty()) {
      now_ = {};
      return;
    }
    const char first = rest_.front();
    if (first == '"' || first == '\'') {
      const std::size_t end = std::min(rest_.find(first, 1), rest_.size());
      set(first == '"' ? Word::Kind::name : Word::Kind::text, rest_.substr(1, end - 1), end + 1);
    } else if (is_word_character(first)) {
      const auto end = std::ranges::find_if_not(rest_, is_word_character);
      const auto count = static_cast<std::size_t>(end - rest_.begin());
      set(Word::Kind::word, rest_.substr(0, count), count);
    } else {
      set(Word::Kind::sign, rest_.substr(0, 1), 1);
    }
  }
  void set(Word::Kind kind, std::string_view text, std::size_t count) {
    now_ = {kind, text};
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  std::string_view rest_;
  Word now_;
};

// A name with what it belongs to: `"A"."B"` is "A.B".
std::string qualified_name(Words& words) {
  std::string name;
  while (words.now().is_identifier()) {
    const Word word = words.take();
    name += word.kind == Word::Kind::name ? std::string(word.text) : ascii_upper(word.text);
    if (!words.take_if(".")) break;
    name += '.';
  }
  return name;
}

constexpr std::array modifiers{"UNDO",    "OR",      "REPLACE",     "UNIQUE",        "BITMAP",
                               "FORCE",   "NOFORCE", "GLOBAL",      "TEMPORARY",     "PUBLIC",
                               "PRIVATE", "SHARED",  "EDITIONABLE", "NONEDITIONABLE"};
// Kinds of two words begin with one of these.
constexpr std::array first_words{
    std::pair{"PACKAGE", "BODY"},     std::pair{"TYPE", "BODY"},
    std::pair{"DATABASE", "LINK"},    std::pair{"MATERIALIZED", "VIEW"},
    std::pair{"ROLLBACK", "SEGMENT"}, std::pair{"JAVA", "SOURCE"},
    std::pair{"JAVA", "CLASS"},       std::pair{"JAVA", "RESOURCE"}};

constexpr std::array kinds{"cluster",
                           "context",
                           "database link",
                           "dimension",
                           "directory",
                           "function",
                           "index",
                           "indextype",
                           "java class",
                           "java resource",
                           "java source",
                           "library",
                           "materialized view",
                           "materialized view log",
                           "operator",
                           "outline",
                           "package",
                           "package body",
                           "procedure",
                           "profile",
                           "role",
                           "rollback segment",
                           "sequence",
                           "snapshot",
                           "snapshot log",
                           "synonym",
                           "table",
                           "tablespace",
                           "trigger",
                           "type",
                           "type body",
                           "user",
                           "view"};

std::optional<ExpObject> created_object(Words& words) {
  const auto is_modifier = [&words] {
    return std::ranges::any_of(modifiers, [&](const char* m) { return words.now().is(m); });
  };
  while (is_modifier()) words.take();
  const Word first = words.take();
  if (first.kind != Word::Kind::word) return std::nullopt;
  ExpObject object;
  object.kind = ascii_lower(first.text);
  for (const auto& [one, two] : first_words)
    if (first.is(one) && words.take_if(two)) object.kind += " " + ascii_lower(two);
  if (words.take_if("LOG")) {
    object.kind += " log";
    words.take_if("ON");
  }
  object.name = qualified_name(words);
  if (object.name.empty() || std::ranges::find(kinds, object.kind) == kinds.end())
    return std::nullopt;
  return object;
}

std::optional<ExpObject> added_constraint(Words& words) {
  if (!words.take_if("TABLE")) return std::nullopt;
  ExpObject object;
  object.name = qualified_name(words);
  if (!words.take_if("ADD")) return std::nullopt;
  words.take_if("(");
  std::string name;
  if (words.take_if("CONSTRAINT")) name = words.take().text;
  const Word kind = words.take();
  if (kind.is("FOREIGN") || kind.is("PRIMARY"))
    object.kind = ascii_lower(kind.text) + " key";
  else if (kind.is("UNIQUE") || kind.is("CHECK"))
    object.kind = ascii_lower(kind.text) + " constraint";
  else
    return std::nullopt;
  if (!name.empty()) object.name += "." + name;
  return object;
}

std::optional<ExpObject> comment_object(Words& words) {
  if (!words.take_if("ON")) return std::nullopt;
  words.take();  // TABLE, COLUMN, …
  ExpObject object{"comment", qualified_name(words), ""};
  if (object.name.empty()) return std::nullopt;
  return object;
}

// `text` without its quotes, up to the grantee.
ExpObject grant_object(std::string_view text, Words& words) {
  ExpObject object{"grant", "", ""};
  const char* end = text.data() + text.size();
  while (words.now().kind != Word::Kind::end) {
    if (!words.take().is("TO")) continue;
    const Word grantee = words.take();
    object.grantee = grantee.text;
    if (grantee.is_identifier()) end = grantee.text.data() + grantee.text.size();
    break;
  }
  text = text.substr(0, static_cast<std::size_t>(end - text.data()));
  text.remove_prefix(std::min(text.size(), std::string_view("GRANT ").size()));
  for (const char c : text)
    if (c != '"') object.name += c;
  return object;
}

// `CONSTRAINT "N" PRIMARY KEY ("A", "B") …` at `words`, up to the comma behind it; false if it is
// no constraint of a table.
bool take_constraint(Words& words, DeclaredTable& table) {
  const bool is_named = words.take_if("CONSTRAINT");
  if (is_named) words.take();
  const bool is_primary = words.take_if("PRIMARY");
  if (is_primary) words.take_if("KEY");
  const bool is_unique = !is_primary && words.take_if("UNIQUE");
  if (!is_primary && !is_unique && !is_named && !words.now().is("CHECK") &&
      !words.now().is("FOREIGN"))
    return false;
  std::vector<std::string> names;
  if (is_primary || is_unique) names = words.names();
  bool is_enabled = true;
  while (words.now().kind != Word::Kind::end && !words.now().is(",") && !words.now().is(")")) {
    const Word word = words.take();
    if (word.is("(")) words.skip_bracket();
    if (word.is("DISABLE")) is_enabled = false;
  }
  if (names.empty() || !is_enabled) return true;
  if (is_primary)
    table.primary_key = std::move(names);
  else
    table.unique.push_back(std::move(names));
  return true;
}

// The words of a type: all that stands in front of what may follow one.
std::string take_type(Words& words) {
  constexpr std::array ends{"CONSTRAINT", "NOT",    "NULL",    "DEFAULT",   "ENABLE", "DISABLE",
                            "PRIMARY",    "UNIQUE", "CHECK",   "GENERATED", "AS",     "ENCRYPT",
                            "REFERENCES", "SORT",   "VISIBLE", "INVISIBLE", "COLLATE"};
  std::string type;
  for (;;) {
    const Word& now = words.now();
    if (now.kind == Word::Kind::end || now.is(",") || now.is(")")) return type;
    if (std::ranges::any_of(ends, [&](const char* end) { return now.is(end); })) return type;
    if (words.take_if("(")) {
      type += '(';
      while (words.now().kind != Word::Kind::end && !words.now().is(")")) {
        const Word word = words.take();
        const bool is_next_word =
            word.kind == Word::Kind::word && type.find_last_of("(,-") + 1 != type.size();
        if (is_next_word) type += ' ';
        type += word.text;
      }
      words.take_if(")");
      type += ')';
      continue;
    }
    const Word word = words.take();
    if (!type.empty() && word.kind != Word::Kind::sign && type.back() != '.') type += ' ';
    if (word.kind == Word::Kind::name)
      type += '"' + std::string(word.text) + '"';
    else
      type += word.text;
  }
}

bool take_column(Words& words, DeclaredTable& table) {
  if (words.now().kind != Word::Kind::name) return false;
  DeclaredColumn column;
  column.name = words.take().text;
  column.type = take_type(words);
  bool is_not = false, is_primary = false, is_unique = false, is_enabled = true;
  while (words.now().kind != Word::Kind::end && !words.now().is(",") && !words.now().is(")")) {
    const Word word = words.take();
    if (word.is("(")) words.skip_bracket();
    if (word.is("NULL") && is_not) column.is_nullable = false;
    is_not = word.is("NOT");
    is_primary = is_primary || word.is("PRIMARY");
    is_unique = is_unique || word.is("UNIQUE");
    if (word.is("DISABLE")) is_enabled = false;
  }
  if (!is_enabled) column.is_nullable = true;
  if (is_primary && is_enabled) table.primary_key = {column.name};
  if (is_unique && is_enabled) table.unique.push_back({column.name});
  table.columns.push_back(std::move(column));
  return true;
}

struct TypeWords {
  std::string base;  // "TIMESTAMP WITH TIME ZONE"
  std::vector<std::string> parameters;
};

TypeWords type_words(std::string_view type) {
  TypeWords result;
  Words words(type);
  bool is_first_bracket = true;
  while (words.now().kind != Word::Kind::end) {
    if (!words.take_if("(")) {
      const Word word = words.take();
      if (!result.base.empty()) result.base += ' ';
      result.base += word.kind == Word::Kind::name ? "\"" : ascii_upper(word.text);
      continue;
    }
    // Of INTERVAL DAY (2) TO SECOND (6) the last counts: the digits of seconds.
    if (!is_first_bracket) result.parameters.clear();
    is_first_bracket = false;
    while (words.now().kind != Word::Kind::end && !words.take_if(")")) {
      const Word word = words.take();
      if (word.is("-") && words.now().kind == Word::Kind::word) {
        result.parameters.push_back("-" + std::string(words.take().text));
      } else if (!word.is(",")) {
        result.parameters.emplace_back(word.text);
      }
    }
  }
  return result;
}

std::optional<int> number_of(const std::vector<std::string>& parameters, std::size_t index) {
  if (index >= parameters.size()) return std::nullopt;
  const std::string& text = parameters[index];
  int number = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

void define_number(const TypeWords& type, model::ColumnDefinition& column) {
  column.kind = ValueKind::number;
  if (type.base != "NUMBER" || type.parameters.empty()) return;
  constexpr int digits_max = 38;
  const int precision = number_of(type.parameters, 0).value_or(digits_max);  // NUMBER(*,0)
  if (precision < 1) return;
  column.precision = static_cast<unsigned>(precision);
  column.scale = number_of(type.parameters, 1).value_or(0);
}

void define_text(const TypeWords& type, bool has_wide_characters, model::ColumnDefinition& column) {
  column.kind = ValueKind::text;
  const auto length = number_of(type.parameters, 0);
  const bool is_fixed = type.base == "CHAR" || type.base == "NCHAR";
  if (length && *length > 0) column.length = static_cast<std::uint64_t>(*length);
  if (is_fixed && !length) column.length = 1;
  const bool counts_characters = type.base.starts_with('N') ||
                                 (type.parameters.size() > 1 && type.parameters[1] == "CHAR") ||
                                 !has_wide_characters;
  column.is_padded = is_fixed && counts_characters;
}

// Whether another statement begins within the line, as if a line feed were lost. What has such
// words of its own has them in quotes, or behind a blank or a bracket.
bool runs_on(std::string_view line) {
  constexpr std::array words{"CREATE ",  "ALTER ",  "GRANT ",  "COMMENT ON ", "TABLE \"",
                             "ENDTABLE", "METRICE", "METRICS", "ANALSTATS ",  "CONNECT "};
  char quote = '\0';
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    }
    const bool is_within = at > 0 && line[at - 1] != ' ' && line[at - 1] != '(';
    if (quote != '\0' || !is_within || (at == 1 && line.starts_with("CALTER "))) continue;
    const std::string_view rest = line.substr(at);
    if (std::ranges::any_of(words, [&](const char* word) { return rest.starts_with(word); }))
      return true;
  }
  return false;
}

}  // namespace

std::string statement_text(const ExpStatement& statement) {
  const std::string_view line = statement.line;
  if (statement.payload.empty() && !statement.is_long) return std::string(line);
  const std::string payload(statement.payload);
  if (line.starts_with("CREATE FORMAT"))
    return payload.starts_with("CREATE ") ? payload : "CREATE " + payload;
  if (line == "CALTER TABLE" || line.ends_with(" MODIFY DEFAULT")) return payload;
  return std::string(line) + payload;
}

bool is_known_statement(std::string_view line) {
  if (runs_on(line)) return false;
  if (line.starts_with("METRICS") || line.starts_with("METRICE")) return true;
  if (line.starts_with("CALTER")) return line == "CALTER TABLE";
  if (std::ranges::count(line, '"') % 2 != 0) return false;
  constexpr std::array words{
      "ALTER",        "ANALCOMPUTE", "ANALSTATS",       "ANALYZE",      "ASSOCIATE", "AUDIT",
      "CALTER",       "COMMENT",     "CONNECT",         "CREATE",       "DROP",      "ENDTABLE",
      "ENDPARTITION", "EXIT",        "ENDSUBPARTITION", "GRANT",        "PARTITION", "PROCACTION",
      "PROCOBJ",      "RENAME",      "REVOKE",          "SUBPARTITION", "TABLE",     "TABLESPACE"};
  const std::string_view word = line.substr(0, line.find(' '));
  // Brackets have a name and nothing behind it, such as the next line.
  if (word == "TABLE" || word == "PARTITION" || word == "SUBPARTITION")
    return line.size() > word.size() + 2 && line[word.size() + 1] == '"' && line.ends_with('"') &&
           std::ranges::count(line, '"') == 2;
  return std::ranges::find(words, word) != words.end();
}

std::optional<ExpObject> object_of(std::string_view line, std::string_view text) {
  Words words(text);
  if (words.take_if("CREATE")) {
    if (!line.starts_with("CREATE FORMAT") || line.find("TRIG") == std::string_view::npos) {
      // The line has the name as the dictionary has it.
      Words of_line(line);
      of_line.take();
      if (of_line.now().text.starts_with("FORMAT")) of_line.take();
      return created_object(of_line);
    }
    return created_object(words);
  }
  if (words.take_if("ALTER")) return added_constraint(words);
  if (words.take_if("COMMENT")) return comment_object(words);
  if (!words.take_if("GRANT")) return std::nullopt;
  ExpObject grant = grant_object(text, words);
  if (grant.grantee.empty()) return std::nullopt;
  return grant;
}

bool must_make_object(std::string_view text) {
  Words words(text);
  if (!words.take_if("ALTER"))
    return words.now().is("CREATE") || words.now().is("GRANT") || words.now().is("COMMENT");
  constexpr std::array altered{"CLUSTER",      "DIMENSION", "FUNCTION",   "INDEX",     "JAVA",
                               "MATERIALIZED", "OPERATOR",  "PACKAGE",    "PROCEDURE", "SEQUENCE",
                               "SESSION",      "SNAPSHOT",  "TABLESPACE", "TRIGGER",   "TYPE",
                               "USER",         "VIEW"};
  if (std::ranges::any_of(altered, [&](const char* kind) { return words.now().is(kind); }))
    return false;
  if (!words.take_if("TABLE") || words.take().kind != Word::Kind::name) return true;
  while (words.take_if(".")) words.take();
  constexpr std::array verbs{"CACHE",   "DISABLE",   "ENABLE",     "LOGGING",  "MODIFY",
                             "NOCACHE", "NOLOGGING", "NOPARALLEL", "PARALLEL", "SET"};
  return std::ranges::none_of(verbs, [&](const char* verb) { return words.now().is(verb); });
}

std::optional<DeclaredTable> parse_create_table(std::string_view text) {
  Words words(text);
  if (!words.take_if("CREATE")) return std::nullopt;
  DeclaredTable table;
  table.is_temporary = words.take_if("GLOBAL");
  words.take_if("TEMPORARY");
  if (!words.take_if("TABLE") || words.now().kind != Word::Kind::name) return std::nullopt;
  table.name = words.take().text;
  bool is_known = words.take_if("(");
  while (is_known) {
    if (!take_column(words, table) && !take_constraint(words, table)) is_known = false;
    if (words.take_if(",")) continue;
    break;
  }
  if (!is_known) table.columns.clear();  // OF a type, or a form that is not known
  table.may_be_deferred = !table.is_temporary;
  for (; words.now().kind != Word::Kind::end; words.take()) {
    if (words.now().is("STORAGE") || words.now().is("PARTITION") || words.now().is("CLUSTER") ||
        words.now().is("ORGANIZATION"))
      table.may_be_deferred = false;
    if (words.now().is("EXTERNAL")) table.is_external = true;
  }
  if (table.is_external) table.may_be_deferred = false;
  return table;
}

std::string altered_table(std::string_view text) {
  Words words(text);
  if (!words.take_if("ALTER") || !words.take_if("TABLE")) return "";
  return words.now().kind == Word::Kind::name ? std::string(words.now().text) : "";
}

bool add_declared_key(std::string_view text, DeclaredTable& table) {
  Words words(text);
  if (!words.take_if("ALTER") || !words.take_if("TABLE")) return false;
  words.take();
  return words.take_if("ADD") && take_constraint(words, table);
}

std::optional<model::ColumnDefinition> define_column(const DeclaredColumn& declared,
                                                     bool has_wide_characters) {
  model::ColumnDefinition column;
  column.name = declared.name;
  column.type = declared.type;
  column.is_nullable = declared.is_nullable;
  const TypeWords type = type_words(declared.type);
  const std::string& base = type.base;
  const auto digits =
      static_cast<unsigned>(std::clamp(number_of(type.parameters, 0).value_or(6), 0, 9));
  if (base == "NUMBER" || base == "FLOAT") {
    define_number(type, column);
  } else if (base == "VARCHAR2" || base == "NVARCHAR2" || base == "CHAR" || base == "NCHAR" ||
             base == "VARCHAR") {
    define_text(type, has_wide_characters, column);
  } else if (base == "CLOB" || base == "NCLOB" || base == "LONG") {
    column.kind = ValueKind::text;
  } else if (base == "RAW" || base == "BLOB" || base == "LONG RAW") {
    column.kind = ValueKind::bytes;
    const auto length = number_of(type.parameters, 0);
    if (length && *length > 0) column.length = static_cast<std::uint64_t>(*length);
  } else if (base == "DATE") {
    column.kind = ValueKind::timestamp;
  } else if (base == "TIMESTAMP") {
    column.kind = ValueKind::timestamp;
    column.fraction_digits = digits;
  } else if (base == "TIMESTAMP WITH TIME ZONE" || base == "TIMESTAMP WITH LOCAL TIME ZONE") {
    column.kind = ValueKind::instant;
    column.fraction_digits = digits;
  } else if (base == "BINARY_FLOAT" || base == "BINARY_DOUBLE") {
    column.kind = ValueKind::real;
  } else if (base == "INTERVAL YEAR TO MONTH" || base == "INTERVAL DAY TO SECOND") {
    column.kind = ValueKind::other;
  } else {
    return std::nullopt;
  }
  return column;
}

}  // namespace holdfast::engine::oracle

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/sql_text.h"

#include <algorithm>
#include <cctype>

#include "base/ascii.h"

namespace holdfast::engine::mariadb {
namespace {

bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

// The end of a quoted run that begins at `at`.
std::size_t end_of_quoted(std::string_view sql, std::size_t at) {
  const char quote = sql[at];
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\' && quote != '`') {
      ++i;
    } else if (sql[i] == quote) {
      if (i + 1 < sql.size() && sql[i + 1] == quote) {
        ++i;
      } else {
        return i + 1;
      }
    }
  }
  return sql.size();
}

Token next_token(std::string_view sql, std::size_t at) {
  const std::string_view rest = sql.substr(at);
  const auto until = [&](std::size_t end, Token::Kind kind) {
    return Token{kind, sql.substr(at, end - at)};
  };
  const char c = rest[0];
  if (is_space(c)) {
    std::size_t end = at;
    while (end < sql.size() && is_space(sql[end])) ++end;
    return until(end, Token::Kind::space);
  }
  if (c == '`') return until(end_of_quoted(sql, at), Token::Kind::quoted_name);
  if (c == '\'' || c == '"') return until(end_of_quoted(sql, at), Token::Kind::text);
  if (rest.starts_with("/*")) {
    const std::size_t end = sql.find("*/", at + 2);
    return until(end == std::string_view::npos ? sql.size() : end + 2, Token::Kind::comment);
  }
  if (c == '#' || rest == "--" || (rest.starts_with("--") && is_space(rest[2]))) {
    const std::size_t end = sql.find('\n', at);
    return until(end == std::string_view::npos ? sql.size() : end + 1, Token::Kind::comment);
  }
  if (is_word_byte(c)) {
    std::size_t end = at;
    while (end < sql.size() && is_word_byte(sql[end])) ++end;
    const bool is_number = std::isdigit(static_cast<unsigned char>(c)) != 0;
    return until(end, is_number ? Token::Kind::number : Token::Kind::word);
  }
  return until(at + 1, Token::Kind::symbol);
}

// The index of the next token that says something, from `at` on.
std::size_t skip(const std::vector<Token>& tokens, std::size_t at) {
  while (at < tokens.size() &&
         (tokens[at].kind == Token::Kind::space || tokens[at].kind == Token::Kind::comment))
    ++at;
  return at;
}

std::string joined(const std::vector<Token>& tokens, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += tokens[i].text;
  return text;
}

struct Span {
  std::size_t from, to;
};

// The tokens of "DEFINER=`a`@`b`" before the body begins, and the space after it.
std::optional<Span> find_definer(const std::vector<Token>& tokens) {
  for (std::size_t i = skip(tokens, 0), words = 0; i < tokens.size() && words < 8;
       i = skip(tokens, i + 1), ++words) {
    if (!tokens[i].is_word("DEFINER")) continue;
    std::size_t at = skip(tokens, i + 1);
    if (at >= tokens.size() || !tokens[at].is_symbol('=')) return std::nullopt;
    at = skip(tokens, at + 1);  // the user, or the role
    std::size_t end = at + 1;
    const std::size_t more = skip(tokens, end);
    if (more < tokens.size() && tokens[more].is_symbol('@')) {
      end = skip(tokens, more + 1) + 1;
    } else if (more + 1 < tokens.size() && tokens[more].is_symbol('(')) {
      end = skip(tokens, more + 1) + 1;  // CURRENT_USER()
    }
    end = std::min(skip(tokens, end), tokens.size());
    return Span{i, end};
  }
  return std::nullopt;
}

bool is_call(const std::vector<Token>& tokens, std::size_t at) {
  const std::size_t next = skip(tokens, at + 1);
  return next < tokens.size() && tokens[next].is_symbol('(');
}

}  // namespace

std::string quote_name(std::string_view name) {
  std::string quoted = "`";
  for (const char c : name) {
    if (c == '`') quoted += '`';
    quoted += c;
  }
  return quoted + "`";
}

std::string quote_name(std::string_view schema, std::string_view name) {
  return quote_name(schema) + "." + quote_name(name);
}

void append_quoted(std::string& to, std::string_view text) {
  to += '\'';
  for (const char c : text) {
    switch (c) {
      case '\0':
        to += "\\0";
        break;
      case '\n':
        to += "\\n";
        break;
      case '\r':
        to += "\\r";
        break;
      case '\x1a':
        to += "\\Z";
        break;
      case '\'':
      case '\\':
        to += '\\';
        [[fallthrough]];
      default:
        to += c;
    }
  }
  to += '\'';
}

std::string quote_text(std::string_view text) {
  std::string quoted;
  append_quoted(quoted, text);
  return quoted;
}

std::string Token::name() const {
  if ((kind != Kind::quoted_name && kind != Kind::text) || text.size() < 2)
    return std::string(text);
  std::string result;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    result += text[i];
    if (text[i] == text[0]) ++i;
  }
  return result;
}

bool Token::is_word(std::string_view upper_case) const noexcept {
  return kind == Kind::word && equal_but_for_case(text, upper_case);
}

std::vector<Token> tokens_of(std::string_view sql) {
  std::vector<Token> tokens;
  for (std::size_t at = 0; at < sql.size();) {
    tokens.push_back(next_token(sql, at));
    at += tokens.back().text.size();
  }
  return tokens;
}

namespace {

// Where the options of a table begin, behind its columns; npos if it does not look like one.
std::size_t options_of(std::string_view create_table) {
  return create_table.rfind("\n)");
}

// The definition without those options of it that are "NAME=value" for a name that is refused.
template <typename Refuses>
std::string without_options(std::string_view create_table, Refuses refuses) {
  const std::size_t tail = options_of(create_table);
  if (tail == std::string_view::npos) return std::string(create_table);
  // Only in the options: a default or a comment may hold the same words.
  const std::vector<Token> tokens = tokens_of(create_table.substr(tail));
  std::string text(create_table.substr(0, tail));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::size_t words = refuses(tokens, i);
    const std::size_t equals = skip(tokens, i + words);
    const std::size_t value = skip(tokens, equals + 1);
    if (words == 0 || value >= tokens.size() || !tokens[equals].is_symbol('=')) {
      text += tokens[i].text;
      continue;
    }
    i = value;
    if (i + 1 < tokens.size() && tokens[i + 1].kind == Token::Kind::space) ++i;
  }
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

std::size_t is_counter(const std::vector<Token>& tokens, std::size_t at) {
  return tokens[at].is_word("AUTO_INCREMENT") ? 1 : 0;
}

}  // namespace

std::string without_counter(std::string_view create_table) {
  return without_options(create_table, is_counter);
}

std::string counter_of(std::string_view create_table) {
  const std::size_t tail = options_of(create_table);
  if (tail == std::string_view::npos) return "";
  const std::vector<Token> tokens = tokens_of(create_table.substr(tail));
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (is_counter(tokens, i) != 0 && tokens[i + 1].is_symbol('=') &&
        tokens[i + 2].kind == Token::Kind::number)
      return std::string(tokens[i + 2].text);
  }
  return "";
}

std::string without_place(std::string_view create_table) {
  return without_options(
      create_table, [](const std::vector<Token>& tokens, std::size_t at) -> std::size_t {
        if (is_counter(tokens, at) != 0) return 1;
        const std::size_t next = skip(tokens, at + 1);
        const bool is_directory = (tokens[at].is_word("DATA") || tokens[at].is_word("INDEX")) &&
                                  next < tokens.size() && tokens[next].is_word("DIRECTORY");
        return is_directory ? next - at + 1 : 0;
      });
}

std::string with_default(std::string_view create_table, std::string_view column,
                         std::string_view expression) {
  auto table = split_table(create_table);
  if (!table) return std::string(create_table);
  for (std::string& line : table->lines) {
    const std::vector<Token> tokens = tokens_of(line);
    if (tokens.empty() || tokens[0].kind != Token::Kind::quoted_name || tokens[0].name() != column)
      continue;
    for (std::size_t i = 1; i < tokens.size(); ++i) {
      const std::size_t value = skip(tokens, i + 1);
      if (!tokens[i].is_word("DEFAULT") || value >= tokens.size() ||
          tokens[value].kind != Token::Kind::text)
        continue;
      std::string changed = joined(tokens, 0, value) + std::string(expression) +
                            joined(tokens, value + 1, tokens.size());
      line = std::move(changed);
      return join_table(*table);
    }
  }
  return std::string(create_table);
}

std::string without_definer(std::string_view create) {
  const std::vector<Token> tokens = tokens_of(create);
  const auto span = find_definer(tokens);
  if (!span) return std::string(create);
  return joined(tokens, 0, span->from) + joined(tokens, span->to, tokens.size());
}

std::string with_definer(std::string_view create, std::string_view definer) {
  const std::vector<Token> tokens = tokens_of(create);
  const auto span = find_definer(tokens);
  if (!span) return std::string(create);
  return joined(tokens, 0, span->from) + "DEFINER=" + std::string(definer) + " " +
         joined(tokens, span->to, tokens.size());
}

std::string with_event_disabled(std::string_view create) {
  const std::vector<Token> tokens = tokens_of(create);
  std::vector<std::size_t> solid;  // without spaces and comments
  for (std::size_t i = skip(tokens, 0); i < tokens.size(); i = skip(tokens, i + 1))
    solid.push_back(i);
  const auto is = [&](std::size_t at, std::string_view word) {
    return tokens[solid[at]].is_word(word);
  };
  const auto is_part_of_a_name = [&](std::size_t at) {
    return tokens[solid[at - 1]].is_symbol('@') || tokens[solid[at - 1]].is_symbol('.');
  };
  int depth = 0;
  // After CREATE EVENT name ON SCHEDULE and at least one word.
  for (std::size_t at = 6; at < solid.size(); ++at) {
    if (tokens[solid[at]].is_symbol('(')) ++depth;
    if (tokens[solid[at]].is_symbol(')')) --depth;
    if (depth != 0 || !is(at, "DO") || is_part_of_a_name(at)) continue;
    std::size_t end = at;
    if (is(end - 2, "COMMENT") && !is_part_of_a_name(end - 2)) end -= 2;
    const bool is_state = !is_part_of_a_name(end - 1);
    const bool is_of_a_replica = (is(end - 1, "SLAVE") || is(end - 1, "REPLICA")) &&
                                 is(end - 2, "ON") && is(end - 3, "DISABLE");
    if ((is_state && is(end - 1, "DISABLE")) || is_of_a_replica) break;
    const bool is_enabled = is_state && is(end - 1, "ENABLE");
    const std::size_t from = is_enabled ? solid[end - 1] : solid[end];
    return joined(tokens, 0, from) + (is_enabled ? "DISABLE" : "DISABLE ") +
           joined(tokens, is_enabled ? from + 1 : from, tokens.size());
  }
  return std::string(create);
}

std::string with_bare_trigger_names(std::string_view create) {
  const std::vector<Token> tokens = tokens_of(create);
  std::string text;
  std::size_t done = 0;
  // After TRIGGER and after ON a name, perhaps qualified.
  const auto bare_after = [&](std::string_view word, std::size_t from) -> std::size_t {
    for (std::size_t i = skip(tokens, from); i < tokens.size(); i = skip(tokens, i + 1)) {
      if (!tokens[i].is_word(word)) continue;
      std::size_t first = skip(tokens, i + 1);
      while (first < tokens.size() &&
             (tokens[first].is_word("IF") || tokens[first].is_word("NOT") ||
              tokens[first].is_word("EXISTS")))
        first = skip(tokens, first + 1);
      const std::size_t dot = skip(tokens, first + 1);
      const std::size_t second = skip(tokens, dot + 1);
      text += joined(tokens, done, skip(tokens, i + 1));
      const bool is_qualified = dot < tokens.size() && tokens[dot].is_symbol('.');
      const std::size_t last = is_qualified ? second : first;
      if (last < tokens.size())
        text += is_qualified ? quote_name(tokens[last].name()) : std::string(tokens[last].text);
      done = std::min(last + 1, tokens.size());
      return done;
    }
    return tokens.size();
  };
  const std::size_t after_name = bare_after("TRIGGER", 0);
  bare_after("ON", after_name);
  return text + joined(tokens, done, tokens.size());
}

namespace {

// Whether a FROM begins the list of tables of a SELECT, and is none of EXTRACT(… FROM …), TRIM(…).
bool is_of_select(const std::vector<Token>& tokens, std::size_t from) {
  int depth = 0;
  for (std::size_t i = from; i-- > 0;) {
    if (tokens[i].is_symbol(')')) ++depth;
    if (!tokens[i].is_symbol('(') || --depth >= 0) continue;
    const std::size_t first = skip(tokens, i + 1);
    return first < tokens.size() && (tokens[first].is_word("SELECT") ||
                                     tokens[first].is_word("WITH") || tokens[first].is_symbol('('));
  }
  return true;
}

// Whether what stands at `at` may be a table: after FROM or JOIN, in any number of parentheses.
bool is_table_position(const std::vector<Token>& tokens, std::size_t at) {
  for (std::size_t i = at; i-- > 0;) {
    const Token& token = tokens[i];
    if (token.kind == Token::Kind::space || token.kind == Token::Kind::comment ||
        token.is_symbol('('))
      continue;
    if (token.is_word("FROM")) return is_of_select(tokens, i);
    return token.is_word("JOIN") || token.is_word("STRAIGHT_JOIN");
  }
  return false;
}

// Whether the name at `at` is the argument of a function of sequences.
bool is_sequence(const std::vector<Token>& tokens, std::size_t at) {
  if (at < 2 || !tokens[at - 1].is_symbol('(')) return false;
  const Token& function = tokens[at - 2];
  return function.is_word("NEXTVAL") || function.is_word("LASTVAL") || function.is_word("SETVAL");
}

bool is_qualifier(const std::vector<Token>& tokens, std::size_t at, std::string_view name) {
  return tokens[at].kind == Token::Kind::quoted_name && tokens[at].name() == name &&
         at + 2 < tokens.size() && tokens[at + 1].is_symbol('.') &&
         (at == 0 || !tokens[at - 1].is_symbol('.'));
}

}  // namespace

// A table or an alias may be named as the schema: `s`.`a` is one of its columns, unless it stands
// where a table stands, is called, or a third name follows.
std::string with_schema(std::string_view create, std::string_view from, std::string_view to) {
  const std::vector<Token> tokens = tokens_of(create);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool is_it =
        is_qualifier(tokens, i, from) &&
        ((i + 3 < tokens.size() && tokens[i + 3].is_symbol('.')) || is_call(tokens, i + 2) ||
         is_sequence(tokens, i) || is_table_position(tokens, i));
    text += is_it ? quote_name(to) : std::string(tokens[i].text);
  }
  return text;
}

std::string with_bare_sequences(std::string_view create_table, std::string_view schema) {
  const std::vector<Token> tokens = tokens_of(create_table);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (is_qualifier(tokens, i, schema) && is_sequence(tokens, i)) {
      ++i;  // and the dot
    } else {
      text += tokens[i].text;
    }
  }
  return text;
}

std::string with_sequences_of(std::string_view create_table, std::string_view schema) {
  const std::vector<Token> tokens = tokens_of(create_table);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool is_bare = tokens[i].kind == Token::Kind::quoted_name && is_sequence(tokens, i) &&
                         i + 1 < tokens.size() && !tokens[i + 1].is_symbol('.');
    if (is_bare) text += quote_name(schema) + ".";
    text += tokens[i].text;
  }
  return text;
}

std::vector<std::string> sequence_defaults(std::string_view create_table) {
  std::vector<std::string> clauses;
  const auto table = split_table(create_table);
  if (!table) return clauses;
  for (const std::string& line : table->lines) {
    const std::vector<Token> tokens = tokens_of(line);
    if (tokens.empty() || tokens[0].kind != Token::Kind::quoted_name) continue;
    const auto found = std::find_if(tokens.begin(), tokens.end(),
                                    [](const Token& token) { return token.is_word("DEFAULT"); });
    if (found == tokens.end()) continue;
    // The expression goes to the end of its parentheses.
    const auto begin = static_cast<std::size_t>(found - tokens.begin()) + 1;
    std::size_t end = begin;
    bool draws = false;
    for (int depth = 0; end < tokens.size(); ++end) {
      draws = draws || is_sequence(tokens, end);
      if (tokens[end].is_symbol('(')) ++depth;
      if (tokens[end].is_symbol(')') && --depth == 0) break;
      if (depth == 0 && tokens[end].is_symbol(',')) break;
    }
    if (draws && end < tokens.size())
      clauses.push_back("ALTER COLUMN " + std::string(tokens[0].text) + " SET DEFAULT (" +
                        joined(tokens, skip(tokens, begin), end + 1) + ")");
  }
  return clauses;
}

std::vector<std::string> names_read(std::string_view create_view) {
  std::vector<Token> tokens;
  for (const Token& token : tokens_of(create_view)) {
    if (token.kind != Token::Kind::space && token.kind != Token::Kind::comment)
      tokens.push_back(token);
  }
  std::vector<std::string> names;
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i].kind != Token::Kind::quoted_name) continue;
    const bool is_qualified = tokens[i - 1].is_symbol('.');
    if (i + 1 < tokens.size() && tokens[i + 1].is_symbol('.')) continue;
    const std::size_t before = is_qualified ? i - 3 : i - 1;
    if (before >= tokens.size()) continue;
    const Token& token = tokens[before];
    if (token.is_word("FROM") || token.is_word("JOIN") || token.is_symbol('(') ||
        token.is_symbol(','))
      names.push_back(tokens[i].name());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::optional<TableText> split_table(std::string_view create_table) {
  const std::size_t head = create_table.find(" (\n");
  // Names may hold anything; the head's ends before the first line break that no quote covers.
  if (head == std::string_view::npos || !create_table.starts_with("CREATE ")) return std::nullopt;
  TableText table;
  int depth = 0;
  bool in_head = true;
  std::string line;
  const auto tokens = tokens_of(create_table);
  std::size_t i = 0;
  for (; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (in_head) {
      table.head += token.text;
      if (token.is_symbol('(')) {
        in_head = false;
        depth = 1;
      }
      continue;
    }
    if (token.is_symbol('(')) ++depth;
    if (token.is_symbol(')') && --depth == 0) break;
    if (token.is_symbol(',') && depth == 1) {
      table.lines.push_back(line);
      line.clear();
      continue;
    }
    if (line.empty() && token.kind == Token::Kind::space) continue;
    line += token.text;
  }
  if (i >= tokens.size()) return std::nullopt;
  while (!line.empty() && is_space(line.back())) line.pop_back();
  if (!line.empty()) table.lines.push_back(line);
  table.tail = joined(tokens, i, tokens.size());
  return table;
}

std::string join_table(const TableText& table) {
  std::string text = table.head + "\n";
  for (std::size_t i = 0; i < table.lines.size(); ++i)
    text += "  " + table.lines[i] + (i + 1 < table.lines.size() ? ",\n" : "\n");
  return text + table.tail;
}

KeyLine key_of(std::string_view line) {
  const std::vector<Token> tokens = tokens_of(line);
  if (tokens.empty() || tokens[0].kind == Token::Kind::quoted_name) return {};
  const auto name_after = [&](std::size_t at) {
    for (; at < tokens.size(); ++at) {
      if (tokens[at].kind == Token::Kind::quoted_name) return tokens[at].name();
    }
    return std::string();
  };
  using Kind = KeyLine::Kind;
  if (tokens[0].is_word("PRIMARY")) return {Kind::primary, "PRIMARY"};
  if (tokens[0].is_word("UNIQUE")) return {Kind::unique, name_after(1)};
  if (tokens[0].is_word("KEY")) return {Kind::index, name_after(1)};
  if (tokens[0].is_word("FULLTEXT")) return {Kind::fulltext, name_after(1)};
  if (tokens[0].is_word("SPATIAL")) return {Kind::spatial, name_after(1)};
  if (tokens[0].is_word("CONSTRAINT")) {
    const bool is_foreign = std::any_of(tokens.begin(), tokens.end(),
                                        [](const Token& t) { return t.is_word("FOREIGN"); });
    return {is_foreign && !is_call(tokens, 0) ? Kind::foreign_key : Kind::other, name_after(1)};
  }
  return {Kind::other, name_after(1)};
}

std::string referenced_table(std::string_view line) {
  const std::vector<Token> tokens = tokens_of(line);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].is_word("REFERENCES")) continue;
    const std::size_t name = skip(tokens, i + 1);
    const bool is_qualified = name + 1 < tokens.size() && tokens[name + 1].is_symbol('.');
    return name >= tokens.size() || is_qualified ? "" : tokens[name].name();
  }
  return "";
}

std::string with_qualified_reference(std::string_view line, std::string_view schema) {
  const std::vector<Token> tokens = tokens_of(line);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].is_word("REFERENCES")) continue;
    const std::size_t name = skip(tokens, i + 1);
    const std::size_t dot = name + 1;
    const bool is_qualified = dot < tokens.size() && tokens[dot].is_symbol('.');
    if (name >= tokens.size() || is_qualified) break;
    return joined(tokens, 0, name) + quote_name(schema) + "." + joined(tokens, name, tokens.size());
  }
  return std::string(line);
}

DeferredKeys defer_keys(std::string_view create_table) {
  DeferredKeys result{std::string(create_table), {}};
  auto table = split_table(create_table);
  if (!table) return result;
  bool is_innodb = false;
  const std::vector<Token> tail = tokens_of(table->tail);
  for (std::size_t i = 0; i + 2 < tail.size(); ++i) {
    if (tail[i].is_word("SYSTEM")) return result;  // a table that keeps its history
    is_innodb = is_innodb || (tail[i].is_word("ENGINE") && tail[i + 2].is_word("INNODB"));
  }
  if (!is_innodb) return result;
  // The counter's column needs a key from the start.
  std::string counter;
  for (const std::string& line : table->lines) {
    const std::vector<Token> tokens = tokens_of(line);
    if (key_of(line).kind != KeyLine::Kind::column) continue;
    if (std::any_of(tokens.begin(), tokens.end(),
                    [](const Token& token) { return token.is_word("AUTO_INCREMENT"); }))
      counter = tokens[0].name();
  }
  const auto begins_with = [](const std::string& line, const std::string& column) {
    const std::vector<Token> tokens = tokens_of(line);
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      if (tokens[i].is_symbol('(')) return tokens[i + 1].name() == column;
    }
    return false;
  };
  std::vector<std::string> kept;
  for (const std::string& line : table->lines) {
    const KeyLine key = key_of(line);
    const bool is_key = key.kind == KeyLine::Kind::index || key.kind == KeyLine::Kind::unique;
    const bool later = key.kind == KeyLine::Kind::foreign_key ||
                       (is_key && (counter.empty() || !begins_with(line, counter)));
    (later ? result.lines : kept).push_back(line);
  }
  table->lines = std::move(kept);
  result.create = join_table(*table);
  return result;
}

}  // namespace holdfast::engine::mariadb

// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/script_rewrite.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "engine/postgresql/quote.h"
#include "engine/postgresql/sql.h"

namespace holdfast::engine::postgresql {
namespace {

using Tokens = std::vector<Token>;

bool is_at(const Tokens& tokens, std::size_t at, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (at >= tokens.size() || !tokens[at].is(word)) return false;
    ++at;
  }
  return true;
}

std::optional<model::TableName> name_at(const Tokens& tokens, std::size_t& at) {
  if (at >= tokens.size() || !tokens[at].is_name()) return std::nullopt;
  model::TableName name{"", tokens[at++].name()};
  if (at + 1 < tokens.size() && tokens[at].is_symbol('.') && tokens[at + 1].is_name()) {
    name.schema = std::move(name.table);
    name.table = tokens[at + 1].name();
    at += 2;
  }
  return name;
}

std::string mapped(const std::map<std::string, std::string>& names, const std::string& name) {
  if (const auto found = names.find(name); found != names.end()) return found->second;
  if (const auto rest = names.find("*"); rest != names.end()) return rest->second;
  return name;
}

// Replaces tokens of a statement and leaves everything between them as it is.
class Replacer {
 public:
  explicit Replacer(std::string_view statement) : statement_(statement) {}
  void replace(const Token& token, std::string_view by) {
    result_.append(statement_.substr(copied_, token.offset - copied_));
    result_.append(by);
    copied_ = token.offset + token.text.size();
  }
  std::string finish() { return std::move(result_.append(statement_.substr(copied_))); }

 private:
  std::string_view statement_;
  std::size_t copied_ = 0;
  std::string result_;
};

bool is_role_keyword(const Token& token) {
  return token.is("PUBLIC") || token.is("CURRENT_USER") || token.is("SESSION_USER") ||
         token.is("CURRENT_ROLE");
}

// The tokens that name roles, by the kind of the statement.
std::vector<std::size_t> role_tokens(const Tokens& tokens) {
  std::vector<std::size_t> found;
  // A list of roles: `a, GROUP b`.
  const auto list = [&](std::size_t at) {
    for (; at < tokens.size(); ++at) {
      if (tokens[at].is("GROUP")) continue;
      if (!tokens[at].is_name()) return;
      if (!is_role_keyword(tokens[at])) found.push_back(at);
      if (at + 1 >= tokens.size() || !tokens[at + 1].is_symbol(',')) return;
      ++at;
    }
  };
  const bool alters = is_at(tokens, 0, {"ALTER"});
  const bool grants = is_at(tokens, 0, {"GRANT"}) || is_at(tokens, 0, {"REVOKE"}) ||
                      is_at(tokens, 0, {"ALTER", "DEFAULT", "PRIVILEGES"});
  if (is_at(tokens, 0, {"SET", "SESSION", "AUTHORIZATION"})) list(3);
  if (is_at(tokens, 0, {"ALTER", "ROLE"})) list(2);
  if (is_at(tokens, 0, {"CREATE", "USER", "MAPPING", "FOR"})) list(4);
  if (is_at(tokens, 0, {"ALTER", "USER", "MAPPING", "FOR"})) list(4);
  const bool policy = is_at(tokens, 0, {"CREATE", "POLICY"});
  const bool schema = is_at(tokens, 0, {"CREATE", "SCHEMA"});
  std::size_t depth = 0;
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i].is_symbol('(')) ++depth;
    if (tokens[i].is_symbol(')')) depth -= depth > 0 ? 1 : 0;
    if (depth > 0) continue;
    if (alters && is_at(tokens, i, {"OWNER", "TO"})) list(i + 2);
    if (schema && tokens[i].is("AUTHORIZATION")) list(i + 1);
    if (policy && tokens[i].is("TO")) list(i + 1);
    if (policy && (tokens[i].is("USING") || tokens[i].is("WITH"))) break;
    if (!grants) continue;
    if (is_at(tokens, i, {"FOR", "ROLE"})) list(i + 2);
    if (is_at(tokens, i, {"GRANTED", "BY"})) list(i + 2);
    // What follows ON is a name and no keyword, whatever it is called; TO and FROM come after it.
    if (tokens[i].is("TO") || tokens[i].is("FROM")) list(i + 1);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// `SET default_tablespace = x`, and what x is.
std::optional<std::size_t> tablespace_token(const Tokens& tokens) {
  if (!is_at(tokens, 0, {"SET", "DEFAULT_TABLESPACE"}) || tokens.size() < 4) return std::nullopt;
  return 3;
}

std::string text_of(const Token& token) {
  if (token.kind != TokenKind::string) return token.name();
  return std::string(token.text.substr(1, token.text.size() - 2));
}

void classify_alter_table(const Tokens& tokens, SchemaStatement& statement) {
  std::size_t at = 2;
  if (at < tokens.size() && tokens[at].is("ONLY")) ++at;
  const auto table = name_at(tokens, at);
  if (!table || !is_at(tokens, at, {"ADD", "CONSTRAINT"}) || at + 3 >= tokens.size()) return;
  at += 3;  // behind the constraint's name
  if (tokens[at].is("PRIMARY") || tokens[at].is("UNIQUE") || tokens[at].is("EXCLUDE")) {
    statement.kind = StatementKind::index;
    statement.tables.push_back(*table);
  } else if (is_at(tokens, at, {"FOREIGN", "KEY"})) {
    statement.kind = StatementKind::foreign_key;
    statement.tables.push_back(*table);
    for (; at < tokens.size(); ++at) {
      if (!tokens[at].is("REFERENCES")) continue;
      ++at;
      if (const auto other = name_at(tokens, at)) statement.tables.push_back(*other);
      break;
    }
  }
}

void classify_create_index(const Tokens& tokens, SchemaStatement& statement) {
  for (std::size_t at = 2; at < tokens.size() && at < 8; ++at) {
    if (!tokens[at].is("ON")) continue;
    ++at;
    if (at < tokens.size() && tokens[at].is("ONLY")) ++at;
    if (const auto table = name_at(tokens, at)) {
      statement.kind = StatementKind::index;
      statement.tables.push_back(*table);
    }
    return;
  }
}

// Stands in for the %I of a format() while its statement is rewritten.
constexpr std::string_view stand_in = "\"\x01holdfast\x01\"";

// The statement that a text literal given to format() makes.
std::string unformatted(std::string_view literal) {
  const bool backslashes = literal.front() == 'E';
  std::string statement;
  for (std::size_t at = backslashes ? 2 : 1; at + 1 < literal.size(); ++at) {
    const char c = literal[at];
    if (c == '%') {
      statement += literal[at + 1] == 'I' ? stand_in : "%";
      ++at;
      continue;
    }
    if (c == '\'' || (backslashes && c == '\\')) ++at;
    statement += c;
  }
  return statement;
}

std::string formatted(const std::string& statement) {
  std::string text;
  for (std::size_t at = 0; at < statement.size(); ++at) {
    if (statement.compare(at, stand_in.size(), stand_in) == 0) {
      text += "%I";
      at += stand_in.size() - 1;
      continue;
    }
    if (statement[at] == '%') text += '%';
    text += statement[at];
  }
  return quote_text(text);
}

// Whether it is a block as database_script() writes them: $holdfast$ … $holdfast$.
bool is_database_block(std::string_view block) {
  const std::size_t begin = block.find_first_not_of('x', 1);
  return block.starts_with('$') && begin != std::string_view::npos &&
         block.substr(begin).starts_with("holdfast$") && block.size() > 2 * (begin + 9);
}

// Rewrites the statements in such a block.
std::string rewrite_block(std::string_view block, const NameMapping& mapping) {
  const std::size_t tag_bytes = block.find('$', 1) + 1;
  const std::string_view body = block.substr(tag_bytes, block.size() - 2 * tag_bytes);
  const Tokens tokens = tokens_of(body);
  Replacer replacer(body);
  for (std::size_t i = 0; i + 5 < tokens.size(); ++i) {
    if (!tokens[i].is("EXECUTE") || !tokens[i + 3].is("FORMAT")) continue;
    const Token& literal = tokens[i + 5];
    if (literal.kind != TokenKind::string || literal.text.size() < 3) continue;
    replacer.replace(literal, formatted(rewrite(unformatted(literal.text), mapping)));
  }
  const std::string text = replacer.finish();
  std::string tag(block.substr(0, tag_bytes));
  while (text.find(tag) != std::string::npos) tag.insert(1, "x");
  return tag + text + tag;
}

}  // namespace

std::string NameMapping::owner(const std::string& name) const {
  return mapped(owners, name);
}

std::string NameMapping::tablespace(const std::string& name) const {
  if (no_tablespaces) return "";
  return mapped(tablespaces, name);
}

std::string rewrite(std::string_view statement, const NameMapping& mapping) {
  if (mapping.empty()) return std::string(statement);
  // Bodies of functions are one token; what is long beyond that has no role behind its front.
  const Tokens tokens = tokens_of(statement, 20'000);
  Replacer replacer(statement);
  if (const auto at = tablespace_token(tokens)) {
    const std::string old = text_of(tokens[*at]);
    const std::string name = old.empty() ? old : mapping.tablespace(old);
    replacer.replace(tokens[*at], name.empty() ? "''" : quote_name(name));
    return replacer.finish();
  }
  // CREATE EXTENSION IF NOT EXISTS name WITH SCHEMA …
  if (!mapping.versions.empty() && tokens.size() > 5 && tokens[0].is("CREATE") &&
      tokens[1].is("EXTENSION") && tokens[2].is("IF")) {
    const auto version = mapping.versions.find(tokens[5].name());
    if (version == mapping.versions.end()) return std::string(statement);
    return fmt::format("{} VERSION {}", statement, quote_text(version->second));
  }
  if (mapping.owners.empty()) return std::string(statement);
  if (tokens.size() == 2 && tokens[0].is("DO") && is_database_block(tokens[1].text)) {
    replacer.replace(tokens[1], rewrite_block(tokens[1].text, mapping));
    return replacer.finish();
  }
  for (const std::size_t at : role_tokens(tokens)) {
    const std::string old = tokens[at].name();
    const std::string name = mapping.owner(old);
    if (name != old) replacer.replace(tokens[at], quote_name(name));
  }
  return replacer.finish();
}

SchemaStatement classify(std::string text) {
  SchemaStatement statement;
  statement.text = std::move(text);
  const Tokens tokens = tokens_of(statement.text, 2'000);
  if (is_at(tokens, 0, {"SET"}) || is_at(tokens, 0, {"RESET"})) {
    statement.kind = StatementKind::setting;
  } else if (is_at(tokens, 0, {"SELECT"})) {
    const bool sets = std::any_of(tokens.begin(),
                                  tokens.begin() + std::min<std::ptrdiff_t>(5, std::ssize(tokens)),
                                  [](const Token& token) { return token.is("SET_CONFIG"); });
    if (sets) statement.kind = StatementKind::setting;
  } else if (is_at(tokens, 0, {"CREATE", "INDEX"}) || is_at(tokens, 0, {"CREATE", "UNIQUE"})) {
    classify_create_index(tokens, statement);
  } else if (is_at(tokens, 0, {"ALTER", "TABLE"})) {
    classify_alter_table(tokens, statement);
  } else if (is_at(tokens, 0, {"ALTER", "INDEX"})) {
    for (std::size_t at = 2; at < tokens.size(); ++at) {
      if (is_at(tokens, at, {"ATTACH", "PARTITION"})) statement.kind = StatementKind::attach;
    }
  } else if (is_at(tokens, 0, {"CREATE", "EVENT", "TRIGGER"}) ||
             is_at(tokens, 0, {"ALTER", "EVENT", "TRIGGER"}) ||
             is_at(tokens, 0, {"COMMENT", "ON", "EVENT", "TRIGGER"})) {
    statement.kind = StatementKind::event_trigger;
  }
  return statement;
}

std::vector<SchemaStatement> read_schema_script(ByteSource& script, const NameMapping& mapping) {
  ScriptReader reader(script);
  std::vector<SchemaStatement> statements;
  std::string tablespace;
  while (auto piece = reader.next()) {
    if (piece->kind == ScriptPiece::Kind::command) continue;
    if (piece->kind == ScriptPiece::Kind::copy)
      throw Error(Errc::unsupported, "a schema script holds data");
    if (!piece->is_terminated) {
      throw Error(Errc::corrupt, fmt::format("a schema script ends within the statement that "
                                             "begins at byte {}",
                                             piece->offset));
    }
    SchemaStatement statement = classify(rewrite(piece->text, mapping));
    const Tokens tokens = tokens_of(statement.text, 5);
    if (const auto at = tablespace_token(tokens)) tablespace = statement.text;
    statement.tablespace = tablespace;
    statement.offset = piece->offset;
    statements.push_back(std::move(statement));
  }
  return statements;
}

Subject subject_of(std::string_view statement) {
  const Tokens tokens = tokens_of(statement, 4'000);
  Subject subject;
  if (tokens.size() < 3) return subject;
  std::size_t at = 1;
  const auto take = [&](std::string kind) {
    if (at < tokens.size() && tokens[at].is("ONLY")) ++at;
    if (is_at(tokens, at, {"IF", "NOT", "EXISTS"})) at += 3;
    if (auto name = name_at(tokens, at)) {
      subject.kind = std::move(kind);
      subject.name = std::move(*name);
    }
  };
  const auto on = [&](std::string kind) {
    for (; at < tokens.size(); ++at) {
      if (!tokens[at].is("ON")) continue;
      ++at;
      if (at < tokens.size() && tokens[at].is("TABLE")) ++at;
      return take(std::move(kind));
    }
  };
  const bool creates = tokens[0].is("CREATE");
  if (creates || tokens[0].is("ALTER")) {
    while (at < tokens.size() && (tokens[at].is("UNLOGGED") || tokens[at].is("OR") ||
                                  tokens[at].is("REPLACE") || tokens[at].is("UNIQUE")))
      ++at;
    if (at >= tokens.size()) return subject;
    subject.creates = creates;
    if (is_at(tokens, at, {"MATERIALIZED", "VIEW"})) {
      at += 2;
      take("materialized view");
    } else if (is_at(tokens, at, {"FOREIGN", "TABLE"})) {
      at += 2;
      take("foreign table");
    } else if (tokens[at].is("TABLE") || tokens[at].is("SEQUENCE") || tokens[at].is("VIEW")) {
      const std::string kind = tokens[at].is("TABLE")  ? "table"
                               : tokens[at].is("VIEW") ? "view"
                                                       : "sequence";
      ++at;
      take(kind);
    } else if (tokens[at].is("INDEX") && creates) {
      ++at;
      const auto index = name_at(tokens, at);
      on("index");
      if (index) subject.object = {subject.name.schema, index->table};
    } else if (tokens[at].is("INDEX") || (tokens[at].is("STATISTICS") && !creates)) {
      ++at;
      take("object of a table");
    } else if (tokens[at].is("STATISTICS")) {
      ++at;
      const auto statistics = name_at(tokens, at);
      while (at < tokens.size() && !tokens[at].is("FROM")) ++at;
      ++at;
      take("statistics");
      if (statistics) subject.object = *statistics;
    } else if ((tokens[at].is("TRIGGER") || is_at(tokens, at, {"CONSTRAINT", "TRIGGER"})) &&
               creates) {
      on("trigger");
    } else if (tokens[at].is("POLICY") || tokens[at].is("RULE")) {
      // CREATE RULE r AS ON INSERT TO t
      if (tokens[at].is("RULE")) {
        for (; at < tokens.size() && !tokens[at].is("TO"); ++at) {
        }
        ++at;
        take("rule");
      } else {
        on("policy");
      }
    }
  } else if (is_at(tokens, 0, {"COMMENT", "ON"})) {
    at = 3;
    if (tokens[2].is("TABLE") || tokens[2].is("SEQUENCE") || tokens[2].is("INDEX") ||
        tokens[2].is("STATISTICS")) {
      take("comment");
    } else if (tokens[2].is("COLUMN")) {
      std::vector<std::string> names;
      for (; at < tokens.size() && tokens[at].is_name(); at += 2) {
        names.push_back(tokens[at].name());
        if (at + 1 >= tokens.size() || !tokens[at + 1].is_symbol('.')) break;
      }
      if (names.size() == 3) {
        subject.kind = "comment";
        subject.name = {names[0], names[1]};
      }
    } else if (tokens[2].is("CONSTRAINT") || tokens[2].is("TRIGGER") || tokens[2].is("POLICY")) {
      on("comment");
    }
  } else if (tokens[0].is("GRANT") || tokens[0].is("REVOKE")) {
    for (; at + 1 < tokens.size(); ++at) {
      if (!tokens[at].is("ON") || !(tokens[at + 1].is("TABLE") || tokens[at + 1].is("SEQUENCE")))
        continue;
      at += 2;
      take("grant");
      break;
    }
  }
  return subject;
}

}  // namespace holdfast::engine::postgresql

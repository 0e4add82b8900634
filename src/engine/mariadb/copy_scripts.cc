// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/copy_scripts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "engine/mariadb/gate.h"
#include "engine/mariadb/script.h"
#include "engine/mariadb/scripts.h"
#include "engine/mariadb/sql_text.h"
#include "engine/percent.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t script_bytes_max = std::size_t{256} << 20U;

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> result;
  for (const Json& text : list.as_array()) result.push_back(text.as_string());
  return result;
}

bool set_kind(const std::string& word, CodeDef& code) {
  for (const CodeKind kind :
       {CodeKind::package, CodeKind::package_body, CodeKind::function, CodeKind::procedure,
        CodeKind::view, CodeKind::trigger, CodeKind::event}) {
    if (word != code_kind_name(kind)) continue;
    code.kind = kind;
    return true;
  }
  return false;
}

// "SET name='value', name='value'", as our own scripts have it.
void read_setting(std::string_view sql, CodeDef& code) {
  std::string name;
  for (const Token& token : tokens_of(sql)) {
    if (token.kind == Token::Kind::word) name = token.name();
    if (token.kind != Token::Kind::text || token.text.size() < 2) continue;
    const std::string value(token.text.substr(1, token.text.size() - 2));
    if (name == "character_set_client") code.character_set = value;
    if (name == "collation_connection") code.collation = value;
    if (name == "sql_mode") code.sql_mode = value;
    if (name == "time_zone") code.time_zone = value;
  }
}

// "ALTER DATABASE COLLATE name"
void read_collation(const std::vector<Token>& tokens, CodeDef& code) {
  const Token& last = tokens.back();
  if (last.kind != Token::Kind::word) throw Error(Errc::corrupt, "a collation of the copy is none");
  code.database_collation = last.text;
}

// What stands behind ON, in whatever quotes.
std::string trigger_table(std::string_view sql) {
  bool after_on = false;
  for (const Token& token : tokens_of(sql)) {
    if (token.kind == Token::Kind::space || token.kind == Token::Kind::comment) continue;
    if (after_on) {
      const bool is_quoted = token.kind == Token::Kind::text && token.text.size() > 1;
      return is_quoted ? std::string(token.text.substr(1, token.text.size() - 2)) : token.name();
    }
    after_on = token.is_word("ON");
  }
  return "";
}

void read_code(const model::PartSource& parts, std::string_view part, const ServerKind& server,
               std::vector<CodeDef>& all) {
  std::string current;
  CodeDef code;
  each_statement(parts, part, [&](const Mark& mark, const std::string& sql) {
    const std::string id = mark.kind + " " + mark.name;
    if (id != current) {
      current = id;
      code = {};
      code.name = mark.name;
    }
    const std::vector<Token> tokens = tokens_of(sql);
    if (tokens[0].is_word("SET")) {
      if (code.create.empty()) read_setting(sql, code);
      return;
    }
    if (!set_kind(mark.kind, code)) return;
    if (tokens[0].is_word("ALTER")) {
      if (code.create.empty()) read_collation(tokens, code);
      return;
    }
    code.create = checked_statement(mark, sql, code.sql_mode, server);
    if (code.kind == CodeKind::trigger) code.table = trigger_table(sql);
    all.push_back(code);
  });
}

}  // namespace

Mark parse_mark(std::string_view marked) {
  const std::size_t colon = marked.find(": ");
  if (colon == std::string_view::npos) return {};
  auto name = percent_decoded(marked.substr(colon + 2));
  if (!name) throw Error(Errc::corrupt, fmt::format("`{}` is badly escaped", marked));
  return {std::string(marked.substr(0, colon)), std::move(*name)};
}

std::string checked_statement(const Mark& mark, const std::string& sql, std::string_view sql_mode,
                              const ServerKind& server) {
  return checked_definition(
      mark.kind, mark.name, sql,
      reading_of(server.is_mariadb, server.version_number, sql_mode, "utf8mb4"));
}

void each_statement(const model::PartSource& parts, std::string_view part,
                    const std::function<void(const Mark& mark, const std::string& sql)>& take) {
  const std::unique_ptr<ByteSource> source = parts.open(part);
  Script script(*source, script_bytes_max);
  while (const auto statement = script.next()) {
    std::string text = statement->text;
    while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
    take(parse_mark(statement->marked), text);
  }
}

std::vector<CopiedTable> copied_tables(const Json& facts) {
  std::vector<CopiedTable> tables;
  for (const Json& entry : facts.at("tables").as_array()) {
    CopiedTable& table = tables.emplace_back();
    table.name = entry.at("name").as_string();
    table.parts = texts(entry.at("parts"));
    table.transactional = entry.string_or("engine", "") == "InnoDB";
    const std::vector<std::string> converted = texts(entry.at("converted"));
    for (const std::string& column : texts(entry.at("columns"))) {
      const bool is_converted =
          std::find(converted.begin(), converted.end(), column) != converted.end();
      table.columns.push_back({column, is_converted});
    }
  }
  return tables;
}

std::vector<CodeDef> copied_code(const model::PartSource& parts, const ServerKind& server) {
  std::vector<CodeDef> code;
  read_code(parts, objects_part, server, code);
  bool has_broken = false;
  for (const auto& entry : parts.list()) has_broken = has_broken || entry.path == broken_part;
  if (!has_broken) return code;
  const std::size_t whole = code.size();
  read_code(parts, broken_part, server, code);
  for (std::size_t i = whole; i < code.size(); ++i) code[i].broken = true;
  return code;
}

}  // namespace holdfast::engine::mariadb

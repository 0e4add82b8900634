// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/statement_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t lexemes_max = 1'000'000;

}  // namespace

void refuse_statement(const std::string& what) {
  throw Error(Errc::unsupported, what);
}

std::string verb_of(const Lexeme& lexeme) {
  if (lexeme.kind != Lexeme::Kind::word) return "(no word)";
  std::string verb(lexeme.text.substr(0, 20));
  std::transform(verb.begin(), verb.end(), verb.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return verb;
}

bool is_one_of(const Lexeme& lexeme, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return lexeme.is(word); });
}

std::string unquoted(const Lexeme& lexeme) {
  if (lexeme.kind != Lexeme::Kind::text || lexeme.text.size() < 2) return lexeme.name();
  return std::string(lexeme.text.substr(1, lexeme.text.size() - 2));
}

std::string StatementReader::take_name(bool bare) {
  const std::size_t from = at_;
  if (!peek().is_name()) refuse_statement("the dump has a statement without a name");
  std::string name = next().name();
  if (!peek().is_symbol('.')) return name;
  if (!bare && (own_.empty() || name != own_))
    refuse_statement(fmt::format("the dump writes to another schema: {}", name));
  ++at_;
  remove(from, at_);
  if (!peek().is_name() || peek(1).is_symbol('.'))
    refuse_statement("the dump has a statement without a name");
  return next().name();
}

void StatementReader::expect_end(std::string_view what) {
  if (!at_end())
    refuse_statement(fmt::format("the dump has {} that says more than dumps do", what));
}

void StatementReader::refuse_others(std::size_t position, const std::string& table) {
  if (!all_[position].is_symbol('.')) return;
  const bool between = position > 0 && has(position + 1) && all_[position - 1].is_name() &&
                       all_[position + 1].is_name();
  const std::string schema = between ? all_[position - 1].name() : "";
  if (between && schema == table) return;
  if (!between || own_.empty() || schema != own_)
    refuse_statement(fmt::format("table {} of the dump names another schema", table));
  remove(position - 1, position + 1);
}

std::string StatementReader::text() {
  std::sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) {
    return a.from != b.from ? a.from < b.from : a.to > b.to;
  });
  std::string result;
  std::size_t done = 0;
  for (const Edit& edit : edits_) {
    if (edit.from < done) continue;  // within what another took out
    result += sql_.substr(done, edit.from - done);
    result += edit.text;
    done = edit.to;
  }
  return result + std::string(sql_.substr(done));
}

void StatementReader::unquote_ansi() {
  for (std::size_t i = 0; has(i); ++i) {
    if (all_[i].kind == Lexeme::Kind::name && all_[i].text[0] == '"')
      replace(i, quote_name(all_[i].name()));
  }
}

bool StatementReader::has(std::size_t position) {
  while (all_.size() <= position) {
    const auto lexeme = reader_.next();
    if (!lexeme) return false;
    if (all_.size() == lexemes_max)
      refuse_statement(fmt::format("the dump has a definition of more than {} words", lexemes_max));
    all_.push_back(*lexeme);
  }
  return true;
}

}  // namespace holdfast::engine::mariadb

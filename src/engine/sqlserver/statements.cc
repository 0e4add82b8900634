// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/statements.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::string_view lock_patience = "SET LOCK_TIMEOUT 30000";
constexpr std::array<std::string_view, 37> writing_words{
    "ALTER",     "BACKUP",     "BEGIN",  "BULK",      "CHECKPOINT",  "COMMIT",  "CREATE",
    "DBCC",      "DECLARE",    "DELETE", "DENY",      "DROP",        "EXEC",    "EXECUTE",
    "GRANT",     "IF",         "INSERT", "INTO",      "KILL",        "MERGE",   "OPENDATASOURCE",
    "OPENQUERY", "OPENROWSET", "PRINT",  "RAISERROR", "RECONFIGURE", "RESTORE", "REVOKE",
    "ROLLBACK",  "SAVE",       "SET",    "SHUTDOWN",  "TRUNCATE",    "UPDATE",  "USE",
    "WAITFOR",   "WHILE"};
static_assert(std::ranges::is_sorted(writing_words));

bool is_word_character(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '@' || c == '#' || c == '$' || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

// Of a number or an amount of money. Source: Transact-SQL Reference, money and smallmoney.
bool begins_number(std::string_view word) noexcept {
  const char32_t first = decode_utf8(word).rune;
  constexpr std::array<char32_t, 12> money{'$',    0x9F2,  0x9F3,  0xE3F,  0x17DB, 0xFDFC,
                                           0xFE69, 0xFF04, 0xFFE0, 0xFFE1, 0xFFE5, 0xFFE6};
  return (first >= '0' && first <= '9') || (first >= 0xA2 && first <= 0xA5) ||
         (first >= 0x20A0 && first <= 0x20CF) || std::ranges::find(money, first) != money.end();
}

// Behind the quoted text, name or comment that begins at `at`; `at` itself if none does.
std::size_t behind_quotes(std::string_view sql, std::size_t at) {
  const char first = sql[at];
  if (first == '\'' || first == '"' || first == '[') {
    const char last = first == '[' ? ']' : first;
    for (std::size_t i = at + 1; i < sql.size(); ++i) {
      if (sql[i] != last) continue;
      if (i + 1 == sql.size() || sql[i + 1] != last) return i + 1;
      ++i;
    }
    return sql.size();
  }
  if (sql.substr(at).starts_with("--")) return std::min(sql.find('\n', at), sql.size());
  if (!sql.substr(at).starts_with("/*")) return at;
  unsigned depth = 0;  // comments may stand in comments
  for (std::size_t i = at; i + 1 < sql.size(); ++i) {
    const std::string_view two = sql.substr(i, 2);
    if (two != "/*" && two != "*/") continue;
    depth = two == "/*" ? depth + 1 : depth - 1;
    ++i;
    if (depth == 0) return i + 1;
  }
  return sql.size();
}

std::vector<std::string> words_outside_quotes(std::string_view sql) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t behind = behind_quotes(sql, at); behind != at) {
      at = behind;
      continue;
    }
    std::size_t end = at;
    while (end < sql.size() && is_word_character(sql[end])) ++end;
    if (end > at) words.push_back(ascii_upper(sql.substr(at, end - at)));
    at = std::max(end, at + 1);
  }
  return words;
}

void refuse_writing(const model::Endpoint& endpoint, std::string_view sql) {
  const std::string why = obstacle_to_reading(sql);
  if (!why.empty())
    throw Error(Errc::usage, fmt::format("{}: the query would write, or is none: {}: {}",
                                         endpoint.component, why, sql));
}

}  // namespace

std::string obstacle_to_reading(std::string_view sql) {
  const std::vector<std::string> words = words_outside_quotes(sql);
  if (words.empty() || (words.front() != "SELECT" && words.front() != "WITH"))
    return "it begins with neither SELECT nor WITH";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::ranges::binary_search(writing_words, words[i]))
      return fmt::format("it has {} in it", words[i]);
    // A number ends where it must, and a word may begin right there: 1DELETE.
    if (begins_number(words[i]))
      for (const std::string_view word : writing_words)
        if (words[i].ends_with(word)) return fmt::format("it has {} in it", words[i]);
    // A sequence goes on, whatever becomes of the number.
    if (words[i] == "NEXT" && i + 2 < words.size() && words[i + 1] == "VALUE" &&
        words[i + 2] == "FOR")
      return "it has NEXT VALUE FOR in it";
  }
  return {};
}

std::vector<std::vector<std::string>> query_texts(const model::Endpoint& endpoint,
                                                  std::string_view sql,
                                                  const std::stop_token& stop) {
  refuse_writing(endpoint, sql);
  Session session(location_of(endpoint), endpoint.password.get(), true, stop);
  session.run(lock_patience);
  std::vector<std::vector<std::string>> texts;
  for (std::vector<Cell>& row : session.query(sql, Engine::queried_rows_max + 1)) {
    std::vector<std::string>& line = texts.emplace_back();
    for (Cell& cell : row) line.push_back(std::move(cell).value_or(""));
  }
  if (texts.size() > Engine::queried_rows_max)
    throw Error(Errc::unsupported, fmt::format("{}: the answer has more than {} rows",
                                               endpoint.component, Engine::queried_rows_max));
  return texts;
}

std::string query_value(const model::Endpoint& endpoint, std::string_view sql) {
  const auto rows = query_texts(endpoint, sql, {});
  if (rows.size() != 1 || rows.front().size() != 1)
    throw Error(Errc::usage, fmt::format("{}: the query has not exactly one row of one column: {}",
                                         endpoint.component, sql));
  return rows.front().front();
}

std::optional<std::uint64_t> run_statement(const model::Endpoint& endpoint, std::string_view sql,
                                           const std::stop_token& stop) {
  Session session(location_of(endpoint), endpoint.password.get(), true, stop);
  session.run(lock_patience);
  // What fails in its middle is undone as a whole.
  session.run("SET XACT_ABORT ON");
  return session.change(sql, Errc::usage);
}

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/typeql_statements.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t words_per_look = 1U << 14U;
constexpr std::size_t words_max = 2U << 20U;  // in a statement

bool is_word_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

bool TypeqlWord::is_label() const noexcept {
  return !text.empty() && is_word_byte(text.front());
}

bool TypeqlWord::is_string() const noexcept {
  return !text.empty() && (text.front() == '"' || text.front() == '\'');
}

bool TypeqlStatements::next(std::vector<TypeqlWord>& words) {
  words.clear();
  std::size_t depth = 0;
  std::uint32_t opened = 0;
  while (skip_space()) {
    if (taken_++ % words_per_look == 0 && stop_.stop_requested())
      throw Error(Errc::cancelled, "stopped while reading a schema");
    const char c = rest_.front();
    const TypeqlWord word = c == '"' || c == '\'' ? take_string() : take_word();
    const bool opens = c == '(' || c == '{' || c == '[';
    const bool closes = c == ')' || c == '}' || c == ']';
    if (depth == 0 && c == ';') return true;
    if (depth == 0 && !closes) words.push_back(word);
    if (words.size() > words_max)
      throw Error(Errc::corrupt,
                  fmt::format("the statement of line {} does not end within {} words",
                              words.front().line, words_max));
    if (opens && depth++ == 0) opened = word.line;
    if (closes && depth > 0) --depth;
  }
  if (depth > 0)
    throw Error(Errc::corrupt, fmt::format("the bracket of line {} does not end", opened));
  return !words.empty();
}

bool TypeqlStatements::skip_space() {
  while (!rest_.empty()) {
    const char c = rest_.front();
    if (c == '#') {
      take(std::min(rest_.size(), rest_.find('\n')));
    } else if (static_cast<unsigned char>(c) <= ' ') {
      if (c == '\n') ++line_;
      take(1);
    } else {
      return true;
    }
  }
  return false;
}

TypeqlWord TypeqlStatements::take_string() {
  const char quote = rest_.front();
  std::size_t at = 1;
  while (at < rest_.size() && rest_[at] != quote) at += rest_[at] == '\\' ? 2 : 1;
  if (at >= rest_.size())
    throw Error(Errc::corrupt, fmt::format("the string of line {} does not end", line_));
  const TypeqlWord word{rest_.substr(0, at + 1), line_};
  line_ += static_cast<std::uint32_t>(std::count(word.text.begin(), word.text.end(), '\n'));
  take(word.text.size());
  return word;
}

TypeqlWord TypeqlStatements::take_word() {
  const char first = rest_.front();
  std::size_t size = first == '$' || first == '?' || first == '@' || is_word_byte(first) ? 1 : 0;
  while (size > 0 && size < rest_.size() && is_word_byte(rest_[size])) ++size;
  const TypeqlWord word{rest_.substr(0, std::max<std::size_t>(size, 1)), line_};
  take(word.text.size());
  return word;
}

}  // namespace holdfast::engine::typedb

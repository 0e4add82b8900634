// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/ascii.h"
#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t chunk_bytes = 64U << 10U;
constexpr std::string_view mark = "-- holdfast: ";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

}  // namespace

Script::Script(ByteSource& source, std::size_t statement_bytes_max, std::string_view delimiter)
    : source_(source),
      statement_bytes_max_(statement_bytes_max),
      chunk_(chunk_bytes),
      delimiter_(delimiter) {}

void Script::on_comment(std::function<void(std::string_view line)> watcher) {
  watcher_ = std::move(watcher);
}

bool Script::fill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  if (buffer_.size() > statement_bytes_max_)
    throw Error(Errc::corrupt, fmt::format("the statement at byte {} is longer than {} bytes",
                                           offset_, statement_bytes_max_));
  const std::size_t count = source_.read(chunk_);
  if (count == 0) {
    at_end_ = true;
    return false;
  }
  buffer_ += as_text(ByteView(chunk_).first(count));
  return true;
}

bool Script::has(std::size_t index) {
  while (begin_ + index >= buffer_.size()) {
    if (!fill()) return false;
  }
  return true;
}

char Script::at(std::size_t index) {
  return has(index) ? buffer_[begin_ + index] : '\0';
}

void Script::drop(std::size_t count) {
  begin_ += count;
  offset_ += count;
}

std::string Script::take_line() {
  std::size_t length = 0;
  while (has(length) && buffer_[begin_ + length] != '\n') ++length;
  std::string line = buffer_.substr(begin_, length);
  drop(has(length) ? length + 1 : length);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::optional<Statement> Script::next() {
  while (true) {
    std::optional<Statement> statement = read();
    if (!statement || !statement->text.empty()) return statement;
  }
}

std::optional<Statement> Script::read() {
  while (true) {
    // Before a statement: space, comments, DELIMITER.
    while (has(0) && is_space(at(0))) drop(1);
    if (!has(0)) return std::nullopt;
    if (at(0) == '#' || (at(0) == '-' && at(1) == '-' && (!has(2) || is_space(at(2))))) {
      const std::string comment = take_line();
      if (comment.starts_with(mark)) marked_ = comment.substr(mark.size());
      if (watcher_) watcher_(comment);
      continue;
    }
    static_cast<void>(has(11));
    const std::string_view ahead = std::string_view(buffer_).substr(begin_, 12);
    if (ahead.size() >= 10 && equal_but_for_case(ahead.substr(0, 9), "DELIMITER") &&
        is_space(ahead[9])) {
      std::string line = take_line().substr(9);
      std::erase_if(line, is_space);
      if (line.empty()) throw Error(Errc::corrupt, "a DELIMITER without one");
      delimiter_ = line;
      continue;
    }
    // mariadb-dump's first line turns on a mode of the client that forbids its commands.
    if (ahead.starts_with("/*M!999999\\-") || ahead.starts_with("/*!999999\\-")) {
      static_cast<void>(take_line());
      continue;
    }
    break;
  }
  Statement statement;
  statement.offset_bytes = offset_;
  statement.marked = marked_;
  std::size_t i = 0;
  while (has(i)) {
    const char c = at(i);
    if (c == delimiter_[0]) {
      bool whole = true;
      for (std::size_t j = 1; whole && j < delimiter_.size(); ++j)
        whole = at(i + j) == delimiter_[j];
      if (whole) {
        statement.text = buffer_.substr(begin_, i);
        drop(i + delimiter_.size());
        return statement;
      }
    }
    if (c == '\'' || c == '"' || c == '`') {
      for (++i;; ++i) {
        if (!has(i)) {
          ended_within_ = true;
          throw Error(Errc::corrupt, fmt::format("the statement at byte {} ends within a quote",
                                                 statement.offset_bytes));
        }
        const char inner = buffer_[begin_ + i];
        if (inner == '\\' && c != '`' && backslash_escapes_) {
          ++i;
        } else if (inner == c) {
          break;  // a doubled quote opens the next run at once
        }
      }
      ++i;
    } else if (c == '/' && at(i + 1) == '*' &&
               (at(i + 2) == '!' || (at(i + 2) == 'M' && at(i + 3) == '!'))) {
      i += 3;  // a server reads what is in it, and quotes in there are quotes
    } else if (c == '/' && at(i + 1) == '*') {
      for (i += 2;; ++i) {
        if (!has(i + 1)) {
          ended_within_ = true;
          throw Error(Errc::corrupt, fmt::format("the statement at byte {} ends within a comment",
                                                 statement.offset_bytes));
        }
        if (buffer_[begin_ + i] == '*' && buffer_[begin_ + i + 1] == '/') break;
      }
      i += 2;
    } else if (c == '#' || (c == '-' && at(i + 1) == '-' && is_space(at(i + 2)))) {
      while (has(i) && buffer_[begin_ + i] != '\n') ++i;
    } else {
      ++i;
    }
  }
  statement.text = buffer_.substr(begin_);
  drop(statement.text.size());
  while (!statement.text.empty() && is_space(statement.text.back())) statement.text.pop_back();
  if (statement.text.empty()) return std::nullopt;
  // The last line may lack its end.
  if (delimiter_ == ";\n" && statement.text.ends_with(';')) {
    statement.text.pop_back();
    return statement;
  }
  ended_within_ = true;
  return statement;
}

}  // namespace holdfast::engine::mariadb

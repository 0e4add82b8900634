// SPDX-License-Identifier: Apache-2.0
// A statement of a stranger as it is read, word by word, and rewritten on the way: names lose the
// schema that they are qualified with, if it is the one that is meant. Knows no statement.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/mariadb/lexemes.h"

namespace holdfast::engine::mariadb {

// Errc::unsupported.
[[noreturn]] void refuse_statement(const std::string& what);
// A word of a statement for a message: no more than a keyword has.
[[nodiscard]] std::string verb_of(const Lexeme& lexeme);
[[nodiscard]] bool is_one_of(const Lexeme& lexeme, std::initializer_list<std::string_view> words);
// A name or a text without its quotes.
[[nodiscard]] std::string unquoted(const Lexeme& lexeme);

// A statement being read, no further than is asked for, and rewritten on the way.
class StatementReader {
 public:
  StatementReader(std::string_view sql, const Reading& reading, const std::string& own)
      : sql_(sql), reader_(sql, reading), own_(own) {}

  [[nodiscard]] bool at_end() { return !has(at_); }
  [[nodiscard]] Lexeme peek(std::size_t ahead = 0) {
    return has(at_ + ahead) ? all_[at_ + ahead] : Lexeme{Lexeme::Kind::symbol, " ", 0};
  }
  Lexeme next() {
    const Lexeme lexeme = peek();
    if (!at_end()) ++at_;
    return lexeme;
  }
  bool take(std::string_view word) {
    const bool fits = peek().is(word);
    if (fits) ++at_;
    return fits;
  }
  bool take(char symbol) {
    const bool fits = peek().is_symbol(symbol);
    if (fits) ++at_;
    return fits;
  }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  void back_to(std::size_t position) noexcept { at_ = position; }
  // From the lexeme at `position` up to the next one.
  void replace(std::size_t position, std::string text) {
    edits_.push_back({all_[position].at, all_[position].end(), std::move(text)});
  }
  void remove(std::size_t from, std::size_t to) {
    if (from == to) return;
    edits_.push_back({all_[from].at, all_[to - 1].end(), ""});
  }
  void insert_before(std::size_t position, std::string text) {
    edits_.push_back({all_[position].at, all_[position].at, std::move(text)});
  }
  [[nodiscard]] Lexeme at(std::size_t position) const { return all_.at(position); }

  // A name, by itself in what is run; `bare`: whatever schema it names is taken for ours.
  std::string take_name(bool bare = false);
  void expect_end(std::string_view what);

  // Any name that a dot qualifies is one of our own schema's, and does without. `table`: columns
  // may be named by it.
  void refuse_others(std::size_t position, const std::string& table);

  // What is to be run.
  [[nodiscard]] std::string text();
  // Names between backticks instead of double quotes.
  void unquote_ansi();
  [[nodiscard]] const std::string& own() const noexcept { return own_; }

 private:
  struct Edit {
    std::size_t from, to;
    std::string text;
  };
  [[nodiscard]] bool has(std::size_t position);

  std::string_view sql_;
  LexemeReader reader_;
  std::vector<Lexeme> all_;
  std::vector<Edit> edits_;
  std::size_t at_ = 0;
  const std::string& own_;
};

}  // namespace holdfast::engine::mariadb

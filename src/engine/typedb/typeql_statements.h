// SPDX-License-Identifier: Apache-2.0
// The text of a TypeQL schema of either generation, cut into statements and those into words. No
// parser: what the words mean is for the reader of them.
//
// Source: typedb/typeql, grammar/TypeQL.g4 (2.0.0 to 2.28.6) and rust/parser/typeql.pest (3.0.0 to
// 3.11.0): statements end with a semicolon, comments go from # to the end of the line, strings have
// either quote and escapes with a backslash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string_view>
#include <vector>

namespace holdfast::engine::typedb {

struct TypeqlWord {
  std::string_view text;   // of the schema; a string with its quotes
  std::uint32_t line = 0;  // from 1 on
  // Begins as a label or keyword does.
  [[nodiscard]] bool is_label() const noexcept;
  [[nodiscard]] bool is_string() const noexcept;
};

class TypeqlStatements {
 public:
  // Both must outlive it.
  TypeqlStatements(std::string_view text, const std::stop_token& stop) noexcept
      : rest_(text), stop_(stop) {}

  // The words of the next statement: labels, keywords, variables and annotations with their sign,
  // strings, and every other character by itself. Of what is in brackets there is the outermost
  // opening bracket alone. False at the end. Errc::corrupt, with the line, where a string or
  // bracket does not end, and where a statement has more than two million words; Errc::cancelled
  // soon after a stop request.
  [[nodiscard]] bool next(std::vector<TypeqlWord>& words);

 private:
  [[nodiscard]] bool skip_space();
  [[nodiscard]] TypeqlWord take_string();
  [[nodiscard]] TypeqlWord take_word();
  void take(std::size_t size) noexcept { rest_.remove_prefix(size); }

  std::string_view rest_;
  const std::stop_token& stop_;
  std::uint32_t line_ = 1;
  std::size_t taken_ = 0;
};

}  // namespace holdfast::engine::typedb

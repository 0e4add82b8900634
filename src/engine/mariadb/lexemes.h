// SPDX-License-Identifier: Apache-2.0
// How a server reads the text of a statement: its words, and what comments hide from other servers.
// Knows the modes that change what quotes mean. Knows nothing of what statements do.
//
// Whoever judges statements of strangers reads them by this, and runs the very text that was read.
// Source: sql/sql_lex.cc of MariaDB; "Lexical Structure" and "Comments" in both servers' manuals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::engine::mariadb {

// A server, and the state of a session that reads.
struct Reading {
  bool is_mariadb = true;
  unsigned version_number = 0;    // 0: what is hidden from some servers is read, whichever they are
  bool ansi_quotes = false;       // "x" is a name
  bool backslash_escapes = true;  // in texts
  bool is_utf8 = true;            // else bytes beyond ASCII are read within quotes only
};
// `sql_mode` and `character_set` as a server says them. Errc::unsupported for a character set in
// which bytes of quotes and backslashes may be parts of other characters. Pure.
[[nodiscard]] Reading reading_of(bool is_mariadb, unsigned version_number,
                                 std::string_view sql_mode, std::string_view character_set);

// What the server reads of the statement: what is hidden from others laid open, what is hidden from
// it gone, and its comments too unless they are to be kept. Errc::corrupt for quotes and comments
// that are not closed, and for comments within hidden ones that servers read in different ways.
enum class Comments : std::uint8_t { dropped, kept };
[[nodiscard]] std::string laid_open(std::string_view sql, const Reading& reading,
                                    Comments comments = Comments::dropped);

struct Lexeme {
  enum class Kind : std::uint8_t { word, name, text, number, symbol };
  Kind kind = Kind::symbol;
  std::string_view text;                                              // quotes included
  std::size_t at = 0;                                                 // in bytes
  [[nodiscard]] bool is(std::string_view upper_case) const noexcept;  // a word without quotes
  [[nodiscard]] bool is_symbol(char c) const noexcept {
    return kind == Kind::symbol && text[0] == c;
  }
  [[nodiscard]] bool is_name() const noexcept { return kind == Kind::word || kind == Kind::name; }
  [[nodiscard]] std::string name() const;  // without its quotes
  [[nodiscard]] std::size_t end() const noexcept { return at + text.size(); }
};

// Reads what laid_open() returned, or any statement: one lexeme after another, comments skipped.
class LexemeReader {
 public:
  LexemeReader(std::string_view sql, const Reading& reading) : sql_(sql), reading_(reading) {}
  // Nothing at the end. Errc::corrupt for what is not closed, a hidden comment, and bytes that
  // servers read in different ways.
  [[nodiscard]] std::optional<Lexeme> next();
  [[nodiscard]] bool saw_comment() const noexcept { return saw_comment_; }

 private:
  std::string_view sql_;
  const Reading& reading_;
  std::size_t at_ = 0;
  bool after_name_ = false;
  bool saw_comment_ = false;
};

}  // namespace holdfast::engine::mariadb

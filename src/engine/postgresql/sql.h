// SPDX-License-Identifier: Apache-2.0
// SQL scripts as psql and pg_dump write them: split into statements, COPY data and psql's commands,
// and single statements into tokens. Knows how PostgreSQL quotes; knows nothing of what the
// statements mean.
//
// Held to what psql does: strings, E'' strings, dollar quotes, quoted names, nested comments,
// parentheses (a rule's actions hold semicolons) and bodies between BEGIN ATOMIC and END.
// Source: PostgreSQL documentation, "Lexical Structure"; psql's own reading, in psqlscan.l.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/stream.h"

namespace holdfast::engine::postgresql {

enum class TokenKind : std::uint8_t { word, quoted_name, string, number, symbol };

struct Token {
  TokenKind kind = TokenKind::symbol;
  std::string_view text;   // as it stands in the statement
  std::size_t offset = 0;  // in bytes

  // Whether it is this keyword (given in capitals), unquoted.
  [[nodiscard]] bool is(std::string_view keyword) const noexcept;
  [[nodiscard]] bool is_symbol(char c) const noexcept {
    return kind == TokenKind::symbol && text.size() == 1 && text[0] == c;
  }
  [[nodiscard]] bool is_name() const noexcept {
    return kind == TokenKind::word || kind == TokenKind::quoted_name;
  }
  // The name it stands for: folded to lower case if unquoted, without its quotes otherwise.
  [[nodiscard]] std::string name() const;
};

// The tokens of one statement, without comments, one by one.
class TokenReader {
 public:
  explicit TokenReader(std::string_view statement) : statement_(statement) {}
  [[nodiscard]] std::optional<Token> next();

 private:
  std::string_view statement_;
  std::size_t at_ = 0;
};

// The tokens of one statement, without comments; at most `count_max`.
[[nodiscard]] std::vector<Token> tokens_of(std::string_view statement,
                                           std::size_t count_max = 100'000);

struct ScriptPiece {
  enum class Kind : std::uint8_t {
    statement,  // without its semicolon
    copy,       // a COPY … FROM stdin statement: its data follow, see copy_line()
    command,    // of psql's: "\connect shop"
  };
  Kind kind = Kind::statement;
  std::string text;
  // What pg_dump wrote in front: "-- Name: orders; Type: TABLE; Schema: public; Owner: shop". Lines
  // of others stand before it if there was nothing to be said of them, as of empty tables.
  std::string comment;
  std::uint64_t offset = 0;   // of the statement's first byte in the script
  bool is_terminated = true;  // false: the script ends within it
};

// Reads a script piece by piece; memory is bounded by its longest statement, and by the longest
// line of COPY data.
class ScriptReader {
 public:
  static constexpr std::size_t statement_bytes_max = 1U << 30U;

  // The source outlives the reader. Errc::unsupported for a statement longer than `longest_bytes`.
  explicit ScriptReader(ByteSource& source, std::size_t longest_bytes = statement_bytes_max);

  // The next piece; nothing at the end. After a `copy` its lines are to be read first; those that
  // were not are skipped.
  [[nodiscard]] std::optional<ScriptPiece> next();

  // The next line of COPY data without its end; nothing after the last, which is `\.`, or at the
  // end of the script: then copy_is_whole() is false. The view lives until the next call.
  [[nodiscard]] std::optional<std::string_view> copy_line();
  [[nodiscard]] bool copy_is_whole() const noexcept { return copy_is_whole_; }

  [[nodiscard]] std::uint64_t offset() const noexcept { return consumed_ + at_; }
  // The comments in front of the first statement and after the last, as far as read, cut at 64 KiB.
  [[nodiscard]] const std::string& leading_comments() const noexcept { return leading_; }
  [[nodiscard]] const std::string& last_comment() const noexcept { return last_comment_; }

 private:
  [[nodiscard]] bool fill();                      // more bytes into the buffer; false at the end
  [[nodiscard]] int peek(std::size_t ahead = 0);  // -1 at the end
  void take(std::string& into);
  void take_line_comment(std::string& into);
  void take_block_comment(std::string& into);
  void take_quoted(std::string& into, char quote, bool backslashes);
  void take_dollar_quoted(std::string& into, std::size_t tag_bytes);
  [[nodiscard]] std::size_t dollar_tag_bytes();
  [[nodiscard]] bool skip_space();
  void take_statement(ScriptPiece& piece);
  void note_comment(std::string_view comment);
  [[nodiscard]] std::string take_line();

  ByteSource& source_;
  std::size_t longest_bytes_;
  Bytes buffer_;
  std::size_t at_ = 0, filled_ = 0;
  std::uint64_t consumed_ = 0;  // bytes before the buffer
  bool ended_ = false;
  bool in_copy_ = false, copy_is_whole_ = true;
  bool any_statement_ = false;
  bool plain_backslashes_ = false;  // a backslash escapes in plain strings too
  std::string leading_, last_comment_, name_comment_;
};

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/sql.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

constexpr std::size_t step_bytes = 256U << 10U;
constexpr std::size_t comments_bytes_max = 64U << 10U;
// One for each of a row of empty tables.
constexpr std::size_t name_comments_bytes_max = 16U << 20U;

bool is_space(int c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_word_start(int c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}
bool is_digit(int c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_word(int c) noexcept {
  return is_word_start(c) || is_digit(c) || c == '$';
}
char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool equals(std::string_view word, std::string_view keyword) noexcept {
  return word.size() == keyword.size() &&
         std::equal(word.begin(), word.end(), keyword.begin(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

int byte_at(std::string_view text, std::size_t at) noexcept {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : -1;
}

// Where a quoted text that begins at `at` ends: behind its closing quote, or at the end.
std::size_t end_of_quoted(std::string_view text, std::size_t at, bool backslashes) noexcept {
  const char quote = text[at++];
  while (at < text.size()) {
    if (backslashes && text[at] == '\\') {
      at = std::min(at + 2, text.size());
    } else if (text[at] == quote) {
      if (byte_at(text, at + 1) != quote) return at + 1;
      at += 2;
    } else {
      ++at;
    }
  }
  return at;
}

// The length of "$tag$" at the front, or 0.
std::size_t dollar_tag(std::string_view text) noexcept {
  std::size_t at = 1;
  while (at < text.size() && text[at] != '$') {
    const int c = static_cast<unsigned char>(text[at]);
    if (!is_word_start(c) && !(at > 1 && is_digit(c))) return 0;
    ++at;
  }
  return at < text.size() ? at + 1 : 0;
}

std::size_t end_of_block_comment(std::string_view text, std::size_t at) noexcept {
  int depth = 0;
  while (at < text.size()) {
    const std::string_view two = text.substr(at, 2);
    if (two == "/*") {
      ++depth;
      at += 2;
    } else if (two == "*/") {
      at += 2;
      if (--depth == 0) return at;
    } else {
      ++at;
    }
  }
  return at;
}

// Where the token that begins at `at` ends, and what it is.
std::pair<std::size_t, TokenKind> end_of_token(std::string_view text, std::size_t at) {
  const int c = byte_at(text, at);
  const int following = byte_at(text, at + 1);
  if (c == '\'') return {end_of_quoted(text, at, false), TokenKind::string};
  if ((c == 'E' || c == 'e') && following == '\'')
    return {end_of_quoted(text, at + 1, true), TokenKind::string};
  if ((c == 'B' || c == 'b' || c == 'X' || c == 'x' || c == 'N' || c == 'n') && following == '\'')
    return {end_of_quoted(text, at + 1, false), TokenKind::string};
  if ((c == 'U' || c == 'u') && following == '&') {
    const int quote = byte_at(text, at + 2);
    if (quote == '\'') return {end_of_quoted(text, at + 2, false), TokenKind::string};
    if (quote == '"') return {end_of_quoted(text, at + 2, false), TokenKind::quoted_name};
  }
  if (c == '"') return {end_of_quoted(text, at, false), TokenKind::quoted_name};
  if (c == '$') {
    if (const std::size_t tag = dollar_tag(text.substr(at)); tag > 0) {
      const std::size_t end = text.find(text.substr(at, tag), at + tag);
      return {end == std::string_view::npos ? text.size() : end + tag, TokenKind::string};
    }
  }
  std::size_t end = at + 1;
  if (is_word_start(c)) {
    while (is_word(byte_at(text, end))) ++end;
    return {end, TokenKind::word};
  }
  if (is_digit(c)) {
    while (is_word(byte_at(text, end)) || byte_at(text, end) == '.') ++end;
    return {end, TokenKind::number};
  }
  return {end, TokenKind::symbol};
}

// What psql knows of a statement's structure while it looks for its end.
class Depths {
 public:
  void open() { ++parentheses_; }
  void close() { parentheses_ -= parentheses_ > 0 ? 1 : 0; }
  void word(std::string_view word) {
    if (words_ < first_.size()) first_[words_] = std::string(word.substr(0, 12));
    ++words_;
    if (parentheses_ > 0 || !defines_routine()) return;
    if (equals(word, "BEGIN")) {
      ++bodies_;
    } else if (equals(word, "CASE")) {
      bodies_ += bodies_ > 0 ? 1 : 0;
    } else if (equals(word, "END")) {
      bodies_ -= bodies_ > 0 ? 1 : 0;
    }
  }
  [[nodiscard]] bool ends_here() const { return parentheses_ == 0 && bodies_ == 0; }

 private:
  [[nodiscard]] bool defines_routine() const {
    const auto is_routine = [](std::string_view word) {
      return equals(word, "FUNCTION") || equals(word, "PROCEDURE");
    };
    if (!equals(first_[0], "CREATE")) return false;
    return is_routine(first_[1]) ||
           (equals(first_[1], "OR") && equals(first_[2], "REPLACE") && is_routine(first_[3]));
  }

  std::size_t parentheses_ = 0, bodies_ = 0, words_ = 0;
  std::array<std::string, 4> first_;
};

// Whether the statement is COPY … FROM stdin.
bool copies_from_stdin(std::string_view statement) {
  const std::vector<Token> tokens = tokens_of(statement, 10'000);
  if (tokens.empty() || !tokens[0].is("COPY")) return false;
  for (std::size_t i = 1; i + 1 < tokens.size(); ++i) {
    if (tokens[i].is("FROM") && tokens[i + 1].is("STDIN")) return true;
  }
  return false;
}

}  // namespace

bool Token::is(std::string_view keyword) const noexcept {
  return kind == TokenKind::word && equals(text, keyword);
}

std::string Token::name() const {
  std::string result;
  if (kind != TokenKind::quoted_name) {
    for (const char c : text) result += lower(c);
    return result;
  }
  const std::size_t start = text.find('"');
  if (start == std::string_view::npos) return std::string(text);
  for (std::size_t at = start + 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      if (byte_at(text, at + 1) != '"') break;
      ++at;
    }
    result += text[at];
  }
  return result;
}

std::optional<Token> TokenReader::next() {
  while (at_ < statement_.size()) {
    if (is_space(byte_at(statement_, at_))) {
      ++at_;
    } else if (statement_.substr(at_, 2) == "--") {
      at_ = std::min(statement_.find('\n', at_), statement_.size());
    } else if (statement_.substr(at_, 2) == "/*") {
      at_ = end_of_block_comment(statement_, at_);
    } else {
      const auto [end, kind] = end_of_token(statement_, at_);
      const Token token{kind, statement_.substr(at_, end - at_), at_};
      at_ = end;
      return token;
    }
  }
  return std::nullopt;
}

std::vector<Token> tokens_of(std::string_view statement, std::size_t count_max) {
  std::vector<Token> tokens;
  TokenReader reader(statement);
  while (tokens.size() < count_max) {
    const auto token = reader.next();
    if (!token) break;
    tokens.push_back(*token);
  }
  return tokens;
}

ScriptReader::ScriptReader(ByteSource& source, std::size_t longest_bytes)
    : source_(source), longest_bytes_(longest_bytes) {}

bool ScriptReader::fill() {
  if (ended_) return false;
  if (at_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
    consumed_ += at_;
    filled_ -= at_;
    at_ = 0;
  }
  if (buffer_.size() - filled_ < step_bytes / 2) {
    if (filled_ > longest_bytes_) {
      throw Error(Errc::unsupported, fmt::format("a line at byte {} is longer than {} bytes",
                                                 consumed_, longest_bytes_));
    }
    buffer_.resize(
        std::clamp(buffer_.size() * 2, step_bytes, std::max(longest_bytes_, filled_) + step_bytes));
  }
  const std::size_t count = source_.read(std::span(buffer_).subspan(filled_));
  filled_ += count;
  ended_ = count == 0;
  return count > 0;
}

int ScriptReader::peek(std::size_t ahead) {
  while (at_ + ahead >= filled_) {
    if (!fill()) return -1;
  }
  return static_cast<int>(std::to_integer<unsigned char>(buffer_[at_ + ahead]));
}

void ScriptReader::take(std::string& into) {
  if (into.size() >= longest_bytes_) {
    throw Error(Errc::unsupported, fmt::format("the statement that ends after byte {} is longer "
                                               "than {} bytes",
                                               offset(), longest_bytes_));
  }
  into += static_cast<char>(buffer_[at_++]);
}

std::string ScriptReader::take_line() {
  std::string line;
  for (int c = peek(); c >= 0 && c != '\n'; c = peek()) take(line);
  if (peek() == '\n') ++at_;
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

void ScriptReader::take_line_comment(std::string& into) {
  for (int c = peek(); c >= 0 && c != '\n'; c = peek()) take(into);
}

void ScriptReader::take_block_comment(std::string& into) {
  int depth = 0;
  while (peek() >= 0) {
    const bool opens = peek() == '/' && peek(1) == '*';
    const bool closes = peek() == '*' && peek(1) == '/';
    take(into);
    if (!opens && !closes) continue;
    take(into);
    depth += opens ? 1 : -1;
    if (depth == 0) return;
  }
}

void ScriptReader::take_quoted(std::string& into, char quote, bool backslashes) {
  take(into);
  for (int c = peek(); c >= 0; c = peek()) {
    take(into);
    if (backslashes && c == '\\') {
      if (peek() >= 0) take(into);
    } else if (c == quote) {
      if (peek() != quote) return;
      take(into);
    }
  }
}

std::size_t ScriptReader::dollar_tag_bytes() {
  constexpr std::size_t tag_bytes_max = 256;
  for (std::size_t ahead = 1; ahead < tag_bytes_max; ++ahead) {
    const int c = peek(ahead);
    if (c == '$') return ahead + 1;
    if (c < 0 || (!is_word_start(c) && !(ahead > 1 && is_digit(c)))) return 0;
  }
  return 0;
}

void ScriptReader::take_dollar_quoted(std::string& into, std::size_t tag_bytes) {
  const std::size_t start = into.size();
  for (std::size_t i = 0; i < tag_bytes; ++i) take(into);
  const std::string tag = into.substr(start);
  while (peek() >= 0) {
    take(into);
    if (into.back() == '$' && into.size() - start >= 2 * tag_bytes && into.ends_with(tag)) return;
  }
}

void ScriptReader::note_comment(std::string_view comment) {
  if (!any_statement_ && leading_.size() + comment.size() < comments_bytes_max)
    leading_.append(comment).append("\n");
  const bool names = comment.starts_with("-- Name: ") || comment.starts_with("-- Data for Name: ");
  if (names && name_comment_.size() + comment.size() < name_comments_bytes_max)
    name_comment_.append(name_comment_.empty() ? "" : "\n").append(comment);
  if (comment.size() > 3) last_comment_ = comment.substr(0, 1024);
}

// White space and comments between statements. False at the end.
bool ScriptReader::skip_space() {
  while (true) {
    const int c = peek();
    if (c < 0) return false;
    if (is_space(c) || c == ';') {
      ++at_;
    } else if (c == 0xEF && peek(1) == 0xBB && peek(2) == 0xBF && offset() == 0) {
      at_ += 3;
    } else if (c == '-' && peek(1) == '-') {
      std::string comment;
      take_line_comment(comment);
      note_comment(comment);
    } else if (c == '/' && peek(1) == '*') {
      std::string comment;
      take_block_comment(comment);
      note_comment(comment);
    } else {
      return true;
    }
  }
}

void ScriptReader::take_statement(ScriptPiece& piece) {
  Depths depths;
  std::string& text = piece.text;
  piece.is_terminated = false;
  for (int c = peek(); c >= 0; c = peek()) {
    const int following = peek(1);
    if (c == ';' && depths.ends_here()) {
      ++at_;
      piece.is_terminated = true;
      return;
    }
    if (c == '-' && following == '-') {
      take_line_comment(text);
    } else if (c == '/' && following == '*') {
      take_block_comment(text);
    } else if (c == '\'' || c == '"') {
      take_quoted(text, static_cast<char>(c), c == '\'' && plain_backslashes_);
    } else if ((c == 'E' || c == 'e') && following == '\'') {
      take(text);
      take_quoted(text, '\'', true);
    } else if (const std::size_t tag = c == '$' ? dollar_tag_bytes() : 0; tag > 0) {
      take_dollar_quoted(text, tag);
    } else if (is_word_start(c)) {
      const std::size_t start = text.size();
      while (is_word(peek())) take(text);
      depths.word(std::string_view(text).substr(start));
    } else if (is_digit(c)) {  // so that the e of 1e'' is none of a string
      while (is_word(peek())) take(text);
    } else {
      if (c == '(') depths.open();
      if (c == ')') depths.close();
      take(text);
    }
  }
}

std::optional<ScriptPiece> ScriptReader::next() {
  while (in_copy_) static_cast<void>(copy_line());
  if (!skip_space()) return std::nullopt;
  ScriptPiece piece;
  piece.offset = offset();
  piece.comment = std::move(name_comment_);
  name_comment_.clear();
  if (peek() == '\\') {
    piece.kind = ScriptPiece::Kind::command;
    piece.text = take_line();
    return piece;
  }
  any_statement_ = true;
  take_statement(piece);
  while (!piece.text.empty() && is_space(static_cast<unsigned char>(piece.text.back())))
    piece.text.pop_back();
  // Databases of old may have been told so.
  const std::vector<Token> front = tokens_of(piece.text, 4);
  if (front.size() == 4 && front[0].is("SET") && front[1].is("STANDARD_CONFORMING_STRINGS"))
    plain_backslashes_ = front[3].is("OFF") || front[3].text == "'off'";
  if (piece.is_terminated && equals(std::string_view(piece.text).substr(0, 4), "COPY") &&
      copies_from_stdin(piece.text)) {
    piece.kind = ScriptPiece::Kind::copy;
    // The data begin on the next line.
    while (is_space(peek()) && peek() != '\n') ++at_;
    if (peek() == '\n') ++at_;
    in_copy_ = true;
    copy_is_whole_ = false;
  }
  return piece;
}

std::optional<std::string_view> ScriptReader::copy_line() {
  if (!in_copy_) return std::nullopt;
  std::size_t searched = 0;
  while (true) {
    const auto* start = reinterpret_cast<const char*>(buffer_.data()) + at_;
    const std::size_t held = filled_ - at_;
    const void* end =
        held > searched ? std::memchr(start + searched, '\n', held - searched) : nullptr;
    if (end == nullptr) {
      searched = held;
      if (fill()) continue;
      // The script ends here; its last line may lack an end, and then has nothing behind it.
      in_copy_ = false;
      copy_is_whole_ = as_text(ByteView(buffer_).subspan(at_, filled_ - at_)) == "\\.";
      at_ = filled_;
      return std::nullopt;
    }
    const auto line_bytes = static_cast<std::size_t>(static_cast<const char*>(end) - start);
    at_ += line_bytes + 1;
    std::string_view line(start, line_bytes);
    if (line == "\\." || line == "\\.\r") {
      in_copy_ = false;
      copy_is_whole_ = true;
      return std::nullopt;
    }
    return line;
  }
}

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/lexemes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t npos = std::string_view::npos;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || c == '_' || c == '$' || byte >= 0x80;
}

[[noreturn]] void refuse(std::string_view what) {
  throw Error(Errc::corrupt, fmt::format("a statement {}", what));
}

// The end of a quoted run that begins at `at`.
std::size_t end_of_quoted(std::string_view sql, std::size_t at, const Reading& reading) {
  const char quote = sql[at];
  const bool escapes =
      reading.backslash_escapes && quote != '`' && !(quote == '"' && reading.ansi_quotes);
  const char stops[] = {quote, '\\'};
  std::size_t i = at + 1;
  while (true) {
    i = escapes ? sql.find_first_of(std::string_view(stops, 2), i) : sql.find(quote, i);
    if (i == npos) refuse("ends within a quote");
    if (sql[i] == '\\' && escapes) {
      i += 2;
    } else if (i + 1 < sql.size() && sql[i + 1] == quote) {
      i += 2;
    } else {
      return i + 1;
    }
    if (i >= sql.size()) refuse("ends within a quote");
  }
}

// Whether a comment to the end of the line begins there.
bool begins_line_comment(std::string_view rest) {
  if (rest[0] == '#') return true;
  if (!rest.starts_with("--")) return false;
  if (rest.size() == 2) return true;
  const auto next = static_cast<unsigned char>(rest[2]);
  return next <= 0x20 || next == 0x7F;
}

std::size_t end_of_line(std::string_view sql, std::size_t at) {
  const std::size_t end = sql.find('\n', at);
  return end == npos ? sql.size() : end + 1;
}

std::size_t end_of_comment(std::string_view sql, std::size_t at) {
  const std::size_t end = sql.find("*/", at + 2);
  if (end == npos) refuse("ends within a comment");
  return end + 2;
}

// "/*!50003 " or "/*M!100501 " at the front.
struct HiddenHead {
  std::size_t size_bytes = 0;  // 0: none
  bool is_read = false;        // by that server
};
HiddenHead hidden_head(std::string_view rest, const Reading& reading) {
  const bool is_mariadbs = rest.starts_with("/*M!");
  if (!is_mariadbs && !rest.starts_with("/*!")) return {};
  if (is_mariadbs && !reading.is_mariadb && reading.version_number != 0) return {};
  HiddenHead head;
  head.size_bytes = is_mariadbs ? 4 : 3;
  std::size_t digits = 0;
  unsigned version = 0;
  while (digits < 6 && head.size_bytes + digits < rest.size() &&
         is_digit(rest[head.size_bytes + digits]))
    version = version * 10 + static_cast<unsigned>(rest[head.size_bytes + digits++] - '0');
  if (digits < 5) {
    head.is_read = true;
    return head;
  }
  head.size_bytes += digits;
  constexpr unsigned never = 999'999;  // as dumps have it for what their client alone reads
  // Versions of MySQL that MariaDB never had.
  const bool others = reading.is_mariadb && version >= 50'700 && version <= 99'999;
  head.is_read =
      reading.version_number == 0 ? version < never : version <= reading.version_number && !others;
  return head;
}

std::size_t end_of_number(std::string_view sql, std::size_t at) {
  std::size_t end = at;
  while (end < sql.size() && is_digit(sql[end])) ++end;
  if (end < sql.size() && sql[end] == '.') {
    ++end;
    while (end < sql.size() && is_digit(sql[end])) ++end;
  }
  if (end < sql.size() && (sql[end] == 'e' || sql[end] == 'E')) {
    std::size_t exponent = end + 1;
    if (exponent < sql.size() && (sql[exponent] == '+' || sql[exponent] == '-')) ++exponent;
    const std::size_t first = exponent;
    while (exponent < sql.size() && is_digit(sql[exponent])) ++exponent;
    if (exponent > first) end = exponent;
  }
  return end;
}

bool is_radix_number(std::string_view word) {
  if (word.size() < 3 || word[0] != '0') return false;
  const std::string_view digits = word.substr(2);
  if (word[1] == 'x') return digits.find_first_not_of("0123456789abcdefABCDEF") == npos;
  return word[1] == 'b' && digits.find_first_not_of("01") == npos;
}

}  // namespace

Reading reading_of(bool is_mariadb, unsigned version_number, std::string_view sql_mode,
                   std::string_view character_set) {
  constexpr std::array<std::string_view, 32> told_apart{
      "utf8",    "utf8mb3", "utf8mb4", "binary", "ascii",  "latin1",   "latin2", "latin5",
      "latin7",  "cp1250",  "cp1251",  "cp1256", "cp1257", "cp850",    "cp852",  "cp866",
      "greek",   "hebrew",  "koi8r",   "koi8u",  "macce",  "macroman", "hp8",    "armscii8",
      "geostd8", "keybcs2", "dec8",    "tis620", "ujis",   "euckr",    "gb2312", "eucjpms"};
  if (std::find(told_apart.begin(), told_apart.end(), character_set) == told_apart.end())
    throw Error(
        Errc::unsupported,
        fmt::format("statements in the character set {} cannot be read safely", character_set))
        .set_hint("Dump with --default-character-set=utf8mb4.");
  const auto has = [&](std::string_view mode) {
    std::string_view rest = sql_mode;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (rest.substr(0, comma) == mode) return true;
      rest = comma == npos ? "" : rest.substr(comma + 1);
    }
    return false;
  };
  Reading reading;
  reading.is_mariadb = is_mariadb;
  reading.version_number = version_number;
  reading.ansi_quotes = has("ANSI_QUOTES");
  reading.backslash_escapes = !has("NO_BACKSLASH_ESCAPES");
  reading.is_utf8 = character_set.starts_with("utf8");
  return reading;
}

std::string laid_open(std::string_view sql, const Reading& reading, Comments comments) {
  std::string open;
  open.reserve(sql.size());
  bool inside = false;  // of what is hidden from others
  for (std::size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    const std::string_view rest = sql.substr(at);
    std::size_t end = at + 1;
    if (c == '\'' || c == '"' || c == '`') {
      end = end_of_quoted(sql, at, reading);
    } else if (rest.starts_with("/*")) {
      const HiddenHead head = hidden_head(rest, reading);
      if (head.size_bytes > 0 && inside) refuse("hides a comment within another");
      if (head.is_read) {
        inside = true;
        open += ' ';
        at += head.size_bytes;
        continue;
      }
      end = end_of_comment(sql, at);
      const std::string_view comment = sql.substr(at, end - at);
      if (head.size_bytes > 0 && comment.find("/*", 2) != npos)
        refuse("hides a comment within another");
      if (comments == Comments::dropped || head.size_bytes > 0) {
        open += ' ';
        at = end;
        continue;
      }
    } else if (inside && rest.starts_with("*/")) {
      inside = false;
      open += ' ';
      at += 2;
      continue;
    } else if (begins_line_comment(rest)) {
      end = end_of_line(sql, at);
      if (comments == Comments::dropped) {
        open += '\n';
        at = end;
        continue;
      }
    }
    open += sql.substr(at, end - at);
    at = end;
  }
  if (inside) refuse("ends within a comment");
  return open;
}

bool Lexeme::is(std::string_view upper_case) const noexcept {
  return kind == Kind::word && equal_but_for_case(text, upper_case);
}

std::string Lexeme::name() const {
  if (kind != Kind::name) return std::string(text);
  std::string result;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    result += text[i];
    if (text[i] == text[0]) ++i;
  }
  return result;
}

std::optional<Lexeme> LexemeReader::next() {
  while (at_ < sql_.size()) {
    const char c = sql_[at_];
    const std::string_view rest = sql_.substr(at_);
    const auto until = [&](std::size_t end, Lexeme::Kind kind) {
      const Lexeme lexeme{kind, sql_.substr(at_, end - at_), at_};
      at_ = end;
      after_name_ = lexeme.is_name();
      return lexeme;
    };
    if (is_space(c)) {
      ++at_;
    } else if (rest.starts_with("/*")) {
      if (hidden_head(rest, reading_).size_bytes > 0) refuse("hides a comment within another");
      at_ = end_of_comment(sql_, at_);
      saw_comment_ = true;
    } else if (begins_line_comment(rest)) {
      at_ = end_of_line(sql_, at_);
      saw_comment_ = true;
    } else if (c == '`' || (c == '"' && reading_.ansi_quotes)) {
      return until(end_of_quoted(sql_, at_, reading_), Lexeme::Kind::name);
    } else if (c == '\'' || c == '"') {
      return until(end_of_quoted(sql_, at_, reading_), Lexeme::Kind::text);
    } else if (is_word_byte(c)) {
      std::size_t end = at_;
      bool is_ascii = true;
      for (; end < sql_.size() && is_word_byte(sql_[end]); ++end)
        is_ascii = is_ascii && static_cast<unsigned char>(sql_[end]) < 0x80;
      const std::string_view word = sql_.substr(at_, end - at_);
      if (!is_ascii && !(reading_.is_utf8 && is_utf8(word)))
        refuse("has bytes beyond ASCII outside of quotes");
      if (!is_digit(c)) return until(end, Lexeme::Kind::word);
      if (is_radix_number(word)) return until(end, Lexeme::Kind::number);
      const std::size_t number = end_of_number(sql_, at_);
      if (number >= end) return until(number, Lexeme::Kind::number);
      return until(end, Lexeme::Kind::word);  // names may begin with digits
    } else if (c == '.' && rest.size() > 1 && is_digit(rest[1]) && !after_name_) {
      return until(end_of_number(sql_, at_), Lexeme::Kind::number);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      refuse("has control characters outside of quotes");
    } else {
      return until(at_ + 1, Lexeme::Kind::symbol);
    }
  }
  return std::nullopt;
}

}  // namespace holdfast::engine::mariadb

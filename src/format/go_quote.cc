// SPDX-License-Identifier: Apache-2.0
// Names in trees: Go's strconv.Quote without the outer quotes, and back. restic quotes a name so
// before it goes into JSON, which is how names that are not UTF-8 survive.
#include "format/go_quote.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "format/tree.h"

namespace holdfast::format {

namespace {

struct RuneRange {
  char32_t first, last;
};

constexpr RuneRange printable_ranges[] = {
#include "format/printable_table.inc"
};

constexpr char32_t rune_max = 0x10ffff;
constexpr std::string_view hex_digits = "0123456789abcdef";

struct Rune {
  char32_t value = 0;
  std::size_t size_bytes = 0;  // 0: not UTF-8 here
};

// The rune at the front of `text`, which is not empty.
Rune first_rune(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size_bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size_bytes) return {};
  char32_t value = lead & (0x7fU >> size_bytes);
  for (std::size_t i = 1; i < size_bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    value = value << 6U | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[size_bytes] || value > rune_max || (value >= 0xd800 && value < 0xe000)) {
    return {};
  }
  return {value, size_bytes};
}

void append_hex(std::string& to, char32_t value, unsigned digits) {
  while (digits-- > 0) to += hex_digits[value >> (4 * digits) & 15U];
}

// The letter behind the backslash of a control character, or 0.
constexpr char short_escape(char32_t rune) noexcept {
  constexpr std::string_view letters = "abtnvfr";
  return rune >= '\a' && rune <= '\r' ? letters[rune - '\a'] : '\0';
}
static_assert(short_escape('\n') == 'n' && short_escape('\v') == 'v' && short_escape('\r') == 'r');

void append_quoted_rune(std::string& to, char32_t rune, std::string_view as_it_is) {
  if (rune == '"' || rune == '\\') {
    to += '\\';
    to += static_cast<char>(rune);
  } else if (is_printable(rune)) {
    to += as_it_is;
  } else if (const char letter = short_escape(rune); letter != '\0') {
    to += '\\';
    to += letter;
  } else if (rune < 0x20 || rune == 0x7f) {
    to += "\\x";
    append_hex(to, rune, 2);
  } else if (rune < 0x10000) {
    to += "\\u";
    append_hex(to, rune, 4);
  } else {
    to += "\\U";
    append_hex(to, rune, 8);
  }
}

// The value of the first `count` digits of `text`; nothing if they are not there.
std::optional<char32_t> digits_value(std::string_view text, std::size_t count, unsigned base) {
  if (text.size() < count) return std::nullopt;
  char32_t value = 0;
  for (const char digit : text.substr(0, count)) {
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit + 32) : digit;
    const std::size_t number = hex_digits.find(lower);
    if (number >= base) return std::nullopt;
    value = value * base + static_cast<char32_t>(number);
  }
  return value;
}

// Reads the escape that `text` begins with, behind its backslash, into `to`. Returns how many
// characters it took, or 0 if there is no such escape.
std::size_t take_escape(std::string_view text, std::string& to) {
  if (text.empty()) return 0;
  const char kind = text.front();
  if (kind == '"' || kind == '\\') {
    to += kind;
    return 1;
  }
  constexpr std::string_view letters = "abtnvfr";
  if (const std::size_t at = letters.find(kind); at != std::string_view::npos) {
    to += static_cast<char>('\a' + at);
    return 1;
  }
  if (kind >= '0' && kind <= '7') {
    const auto byte = digits_value(text, 3, 8);
    if (!byte || *byte > 0xff) return 0;
    to += static_cast<char>(*byte);
    return 3;
  }
  const std::size_t digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
  if (digits == 0) return 0;
  const auto value = digits_value(text.substr(1), digits, 16);
  if (!value) return 0;
  if (kind == 'x') {
    to += static_cast<char>(*value);
  } else {
    if (*value > rune_max || (*value >= 0xd800 && *value < 0xe000)) return 0;
    append_utf8(to, *value);
  }
  return 1 + digits;
}

}  // namespace

bool is_printable(char32_t rune) noexcept {
  if (rune < 0x7f) return rune >= 0x20;
  const auto* const range =
      std::lower_bound(std::begin(printable_ranges), std::end(printable_ranges), rune,
                       [](const RuneRange& r, char32_t value) { return r.last < value; });
  return range != std::end(printable_ranges) && range->first <= rune;
}

bool is_plain(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
  });
}

std::string go_quote(std::string_view raw) {
  std::string quoted;
  quoted.reserve(raw.size());
  while (!raw.empty()) {
    const Rune rune = first_rune(raw);
    if (rune.size_bytes == 0) {
      quoted += "\\x";
      append_hex(quoted, static_cast<unsigned char>(raw.front()), 2);
      raw.remove_prefix(1);
      continue;
    }
    append_quoted_rune(quoted, rune.value, raw.substr(0, rune.size_bytes));
    raw.remove_prefix(rune.size_bytes);
  }
  return quoted;
}

std::optional<std::string> go_unquote(std::string_view quoted) {
  std::string raw;
  raw.reserve(quoted.size());
  while (!quoted.empty()) {
    const char front = quoted.front();
    if (front == '"' || front == '\n') return std::nullopt;
    if (front == '\\') {
      const std::size_t taken = take_escape(quoted.substr(1), raw);
      if (taken == 0) return std::nullopt;
      quoted.remove_prefix(1 + taken);
      continue;
    }
    const Rune rune = first_rune(quoted);
    if (rune.size_bytes == 0) return std::nullopt;
    raw += quoted.substr(0, rune.size_bytes);
    quoted.remove_prefix(rune.size_bytes);
  }
  return raw;
}

}  // namespace holdfast::format

// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/wide_text.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr char32_t replacement = 0xfffd;

// The character that begins at `at`, which is moved behind it.
char32_t next_rune(std::string_view utf8, std::size_t& at) {
  const auto first = static_cast<unsigned char>(utf8[at++]);
  if (first < 0x80) return first;
  if (first < 0xc2 || first > 0xf4) return replacement;
  const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  auto rune = static_cast<char32_t>(first & (0x3fU >> static_cast<unsigned>(more)));
  for (int i = 0; i < more; ++i, ++at) {
    if (at == utf8.size() || (static_cast<unsigned char>(utf8[at]) & 0xc0U) != 0x80U)
      return replacement;
    rune = (rune << 6U) | (static_cast<unsigned char>(utf8[at]) & 0x3fU);
  }
  return rune > 0x10'ffff ? replacement : rune;
}

}  // namespace

std::u16string to_wide(std::string_view utf8) {
  std::u16string wide;
  wide.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) {
    char32_t rune = next_rune(utf8, at);
    if (rune >= 0x1'0000) {
      wide += static_cast<char16_t>(0xd7c0 + (rune >> 10U));
      rune = 0xdc00 + (rune & 0x3ffU);
    }
    wide += static_cast<char16_t>(rune);
  }
  return wide;
}

void append_utf8(std::string& to, std::string_view units) {
  const auto unit = [&](std::size_t at) {
    return static_cast<char32_t>(static_cast<unsigned char>(units[at]) |
                                 (static_cast<unsigned char>(units[at + 1]) << 8U));
  };
  for (std::size_t at = 0; at + 1 < units.size(); at += 2) {
    char32_t rune = unit(at);
    if (rune < 0x80) {
      to += static_cast<char>(rune);
      continue;
    }
    if (rune >= 0xd800 && rune < 0xe000) {
      const char32_t low = at + 3 < units.size() ? unit(at + 2) : 0;
      const bool is_pair = rune < 0xdc00 && low >= 0xdc00 && low < 0xe000;
      rune = is_pair ? 0x1'0000 + ((rune - 0xd800) << 10U) + (low - 0xdc00) : replacement;
      if (is_pair) at += 2;
    }
    if (rune >= 0x1'0000) {
      to += static_cast<char>(0xf0 | (rune >> 18U));
      to += static_cast<char>(0x80 | ((rune >> 12U) & 0x3fU));
    } else if (rune >= 0x800) {
      to += static_cast<char>(0xe0 | (rune >> 12U));
    } else {
      to += static_cast<char>(0xc0 | (rune >> 6U));
    }
    if (rune >= 0x800) to += static_cast<char>(0x80 | ((rune >> 6U) & 0x3fU));
    to += static_cast<char>(0x80 | (rune & 0x3fU));
  }
}

}  // namespace holdfast::engine::sqlserver

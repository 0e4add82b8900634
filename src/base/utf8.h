// SPDX-License-Identifier: Apache-2.0
// Writing UTF-8; what reads it is in bytes.h.
#pragma once

#include <string>

namespace holdfast {

// `rune` is a code point: at most U+10FFFF.
inline void append_utf8(std::string& to, char32_t rune) {
  const auto put = [&to](char32_t byte) { to += static_cast<char>(byte); };
  if (rune < 0x80) return put(rune);
  if (rune < 0x800) {
    put(0xc0U | rune >> 6U);
  } else if (rune < 0x10000) {
    put(0xe0U | rune >> 12U);
    put(0x80U | (rune >> 6U & 0x3fU));
  } else {
    put(0xf0U | rune >> 18U);
    put(0x80U | (rune >> 12U & 0x3fU));
    put(0x80U | (rune >> 6U & 0x3fU));
  }
  put(0x80U | (rune & 0x3fU));
}

}  // namespace holdfast

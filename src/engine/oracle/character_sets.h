// SPDX-License-Identifier: Apache-2.0
// Oracle's character sets by number and name, and their texts in UTF-8.
//
// Sources: the numbers are those of NLS_CHARSET_ID, of which 1, 31, 171, 175, 178, 560, 846, 852,
// 871, 873 and 2000 were met in genuine dumps; what a set is called elsewhere is from the tables of
// Oracle's Globalization Support Guide.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

struct CharacterSet {
  std::uint16_t id;
  std::string_view name;        // Oracle's: "WE8MSWIN1252"
  std::string_view iconv_name;  // glibc's; empty: it has none, or this room decodes it itself
  bool is_multibyte;
  unsigned bytes_max;  // of one character
};

// Those that have numbers of their own and are no characters of one byte.
inline constexpr std::uint16_t us7ascii_id = 1;
inline constexpr std::uint16_t unicode_1_1_id = 870;  // AL24UTFFSS, UTF-8 of its time
inline constexpr std::uint16_t cesu8_id = 871;        // UTF8: surrogates in three bytes each
inline constexpr std::uint16_t utf8_id = 873;         // AL32UTF8
inline constexpr std::uint16_t utf16be_id = 2000;     // AL16UTF16
inline constexpr std::uint16_t utf16le_id = 2002;     // AL16UTF16LE

// The set of that number or name, or nullptr.
[[nodiscard]] const CharacterSet* find_character_set(std::uint16_t id) noexcept;
[[nodiscard]] const CharacterSet* find_character_set(std::string_view name) noexcept;

// Decodes texts of one set to UTF-8. Reusable, fast for ASCII; one thread at a time.
class TextDecoder {
 public:
  explicit TextDecoder(const CharacterSet& set);
  ~TextDecoder();
  TextDecoder(TextDecoder&&) noexcept;
  TextDecoder& operator=(TextDecoder&&) noexcept;

  // A text; the same bytes as kind bytes where they are none of the set. `into` keeps its buffer.
  void decode(ByteView stored, model::Value& into);
  [[nodiscard]] model::Value decode(ByteView stored);
  // Whether more than ASCII can be told.
  [[nodiscard]] bool is_complete() const noexcept;

 private:
  enum class Way : std::uint8_t { ascii, table, utf8, cesu8, utf16be, utf16le, iconv };
  class Converter;  // of the C library

  // False: they are no text of the set.
  [[nodiscard]] bool convert(std::string_view stored, std::string& utf8);
  void fill_table(Converter& converter);

  const CharacterSet* set_;
  Way way_ = Way::ascii;
  std::unique_ptr<Converter> converter_;
  std::unique_ptr<std::array<std::string, 256>> table_;  // empty: no character
};

}  // namespace holdfast::engine::oracle

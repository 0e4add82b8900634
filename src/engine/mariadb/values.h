// SPDX-License-Identifier: Apache-2.0
// Values on their way out of a server and back: which expression reads a column exactly, the text
// form of LOAD DATA, the typed values behind digests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::mariadb {

enum class ColumnKind : std::uint8_t {
  number,   // integers, decimals, years
  real,     // double
  rounded,  // float, and double with digits: shown rounded, so read through an expression
  bit,
  text,    // in UTF-8 or a part of it
  latin1,  // the server's latin1: Windows-1252
  utf16,   // ucs2 and utf16
  utf16le,
  utf32,
  other_text,  // another character set: also read as UTF-8, for the digest
  bytes,
  geometry,
  date,
  timestamp,  // DATETIME: the reading of a clock
  instant,    // TIMESTAMP
  time,
  json,     // MySQL's own type
  literal,  // types that take their text form only with a character set: inet6, uuid …
};

// From information_schema.COLUMNS; `character_set` is empty where the type has none.
[[nodiscard]] ColumnKind kind_of(std::string_view data_type, std::string_view column_type,
                                 std::string_view character_set) noexcept;
// What is selected so that the field's bytes are exact.
[[nodiscard]] std::string exact_expression(ColumnKind kind, std::string_view name);
// What is selected besides, so that the value can be told as UTF-8; empty if not needed.
[[nodiscard]] std::string utf8_expression(ColumnKind kind, std::string_view name);
// Whether the column refuses bytes without a character set.
[[nodiscard]] bool needs_conversion(ColumnKind kind) noexcept;

// Sets `value` from a field. `utf8`: the field of utf8_expression(), where there is one.
void set_value(model::Value& value, ColumnKind kind, std::string_view field, std::string_view utf8);

// One field in the form of LOAD DATA with FIELDS ESCAPED BY '\\'; null is \N.
void append_field(Bytes& to, std::string_view field);
inline constexpr std::string_view null_field = "\\N";

// Splits a line of that form; what is left of an unfinished one stays in the text.
class LineParser {
 public:
  // The next line of `text` from `at` on, unescaped. False if no line ends there.
  [[nodiscard]] bool next(std::string_view text, std::size_t& at);
  [[nodiscard]] std::size_t fields() const noexcept { return count_; }
  [[nodiscard]] bool is_null(std::size_t field) const noexcept { return fields_[field].null; }
  [[nodiscard]] std::string_view field(std::size_t field) const noexcept {
    return fields_[field].text;
  }

 private:
  struct Field {
    std::string text;
    bool null = false;
  };
  std::vector<Field> fields_;  // at least count_; kept for their buffers
  std::size_t count_ = 0;
};

}  // namespace holdfast::engine::mariadb

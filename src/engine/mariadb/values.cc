// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "engine/mariadb/sql_text.h"

namespace holdfast::engine::mariadb {
namespace {

using model::Value;
using model::ValueKind;

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

void append_utf8(std::string& to, char32_t rune) {
  const auto byte = [&](char32_t value) { to += static_cast<char>(value); };
  if (rune < 0x80) {
    byte(rune);
  } else if (rune < 0x800) {
    byte(0xC0U | (rune >> 6U));
    byte(0x80U | (rune & 0x3FU));
  } else if (rune < 0x10000) {
    byte(0xE0U | (rune >> 12U));
    byte(0x80U | ((rune >> 6U) & 0x3FU));
    byte(0x80U | (rune & 0x3FU));
  } else {
    byte(0xF0U | (rune >> 18U));
    byte(0x80U | ((rune >> 12U) & 0x3FU));
    byte(0x80U | ((rune >> 6U) & 0x3FU));
    byte(0x80U | (rune & 0x3FU));
  }
}

// Source: the server's latin1 is Windows-1252, its five holes being C1 controls.
constexpr std::array<char16_t, 32> windows_1252{
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

void set_latin1(std::string& to, std::string_view field) {
  to.clear();
  while (!field.empty()) {
    const std::size_t plain = ascii_prefix_bytes(field);
    to.append(field.substr(0, plain));
    field.remove_prefix(plain);
    if (field.empty()) return;
    const auto byte = static_cast<unsigned char>(field.front());
    append_utf8(to, byte < 0xA0 ? windows_1252[byte - 0x80U] : byte);
    field.remove_prefix(1);
  }
}

// False if it is not well-formed.
bool set_utf16(std::string& to, std::string_view field, bool little) {
  to.clear();
  if (field.size() % 2 != 0) return false;
  const auto unit = [&](std::size_t i) {
    const auto a = static_cast<unsigned char>(field[i]);
    const auto b = static_cast<unsigned char>(field[i + 1]);
    return static_cast<char32_t>(little ? (b << 8U) | a : (a << 8U) | b);
  };
  for (std::size_t i = 0; i < field.size(); i += 2) {
    char32_t rune = unit(i);
    if (rune >= 0xDC00 && rune < 0xE000) return false;
    if (rune >= 0xD800 && rune < 0xDC00) {
      if (i + 2 >= field.size()) return false;
      const char32_t low = unit(i + 2);
      if (low < 0xDC00 || low >= 0xE000) return false;
      rune = 0x10000 + ((rune - 0xD800) << 10U) + (low - 0xDC00);
      i += 2;
    }
    append_utf8(to, rune);
  }
  return true;
}

bool set_utf32(std::string& to, std::string_view field) {
  to.clear();
  if (field.size() % 4 != 0) return false;
  for (std::size_t i = 0; i < field.size(); i += 4) {
    char32_t rune = 0;
    for (std::size_t j = 0; j < 4; ++j)
      rune = (rune << 8U) | static_cast<unsigned char>(field[i + j]);
    if (rune > 0x10FFFF || (rune >= 0xD800 && rune < 0xE000)) return false;
    append_utf8(to, rune);
  }
  return true;
}

void set_bytes(Value& value, std::string_view field) {
  value.kind = ValueKind::bytes;
  value.text.assign(field);
}

void set_text(Value& value, std::string_view field) {
  value.kind = is_utf8(field) ? ValueKind::text : ValueKind::bytes;
  value.text.assign(field);
}

void set_number(Value& value, std::string_view field) {
  // Integers come in canonical form already, unless ZEROFILL.
  const std::string_view digits = field.starts_with('-') ? field.substr(1) : field;
  const bool plain = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  }) && (digits[0] != '0' || field == "0");
  if (plain) {
    value.kind = ValueKind::number;
    value.text.assign(field);
  } else {
    value = Value::number(field);
  }
}

void set_real(Value& value, std::string_view field) {
  double number = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  if (end != field.data() + field.size() || error == std::errc::invalid_argument)
    throw Error(Errc::corrupt, fmt::format("`{}` is no number", field));
  // Too small is zero, as the server reads it too.
  value.kind = ValueKind::real;
  value.real = number;
  value.text.clear();
}

void set_bit(Value& value, std::string_view field) {
  std::uint64_t number = 0;
  for (const char c : field) number = (number << 8U) | static_cast<unsigned char>(c);
  value.kind = ValueKind::number;
  value.text = std::to_string(number);
}

// Without zeros at the end of the fraction.
std::string_view without_zeros(std::string_view time) {
  if (time.find('.') == std::string_view::npos) return time;
  while (time.ends_with('0')) time.remove_suffix(1);
  if (time.ends_with('.')) time.remove_suffix(1);
  return time;
}

bool is_real_date(std::string_view date) {
  // Neither zero parts nor a day that its month lacks, which the server keeps if it is told to.
  if (date.size() < 10) return false;
  const auto part = [&](std::size_t from, std::size_t count) {
    int number = 0;
    std::from_chars(date.data() + from, date.data() + from + count, number);
    return number;
  };
  const int year = part(0, 4);
  const int month = part(5, 2);
  const int day = part(8, 2);
  if (year == 0 || month == 0 || day == 0) return false;
  constexpr std::array days{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month > 12 || day > days[static_cast<std::size_t>(month) - 1]) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month != 2 || day < 29 || leap;
}

void set_calendar(Value& value, ColumnKind kind, std::string_view field) {
  value.text.assign(without_zeros(field));
  if (kind == ColumnKind::time) {
    const bool is_reading = !field.starts_with('-') && field.size() >= 8 && field[2] == ':' &&
                            field.substr(0, 2) < "24";
    value.kind = is_reading ? ValueKind::time : ValueKind::other;
    return;
  }
  if (!is_real_date(field)) {
    value.kind = ValueKind::other;
    return;
  }
  if (kind == ColumnKind::date) {
    value.kind = ValueKind::date;
    return;
  }
  if (value.text.size() > 10) value.text[10] = 'T';
  value.kind = kind == ColumnKind::instant ? ValueKind::instant : ValueKind::timestamp;
  if (kind == ColumnKind::instant) value.text += 'Z';
}

}  // namespace

ColumnKind kind_of(std::string_view data_type, std::string_view column_type,
                   std::string_view character_set) noexcept {
  if (is_one_of(data_type, {"tinyint", "smallint", "mediumint", "int", "integer", "bigint",
                            "decimal", "numeric", "year"}))
    return ColumnKind::number;
  if (data_type == "float") return ColumnKind::rounded;
  if (data_type == "double" || data_type == "real")
    return column_type.find('(') == std::string_view::npos ? ColumnKind::real : ColumnKind::rounded;
  if (data_type == "bit") return ColumnKind::bit;
  if (data_type == "date") return ColumnKind::date;
  if (data_type == "datetime") return ColumnKind::timestamp;
  if (data_type == "timestamp") return ColumnKind::instant;
  if (data_type == "time") return ColumnKind::time;
  if (data_type == "json") return ColumnKind::json;
  if (is_one_of(data_type, {"inet4", "inet6", "uuid", "xmltype"})) return ColumnKind::literal;
  if (is_one_of(data_type,
                {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
                 "multipolygon", "geometrycollection", "geomcollection"}))
    return ColumnKind::geometry;
  if (character_set.empty() || character_set == "binary") return ColumnKind::bytes;
  if (is_one_of(character_set, {"utf8mb4", "utf8mb3", "utf8", "ascii"})) return ColumnKind::text;
  if (character_set == "latin1") return ColumnKind::latin1;
  if (character_set == "ucs2" || character_set == "utf16") return ColumnKind::utf16;
  if (character_set == "utf16le") return ColumnKind::utf16le;
  if (character_set == "utf32") return ColumnKind::utf32;
  return ColumnKind::other_text;
}

std::string exact_expression(ColumnKind kind, std::string_view name) {
  if (kind == ColumnKind::rounded) return quote_name(name) + "*1e0";
  return quote_name(name);
}

std::string utf8_expression(ColumnKind kind, std::string_view name) {
  if (kind != ColumnKind::other_text) return "";
  return fmt::format("CONVERT({} USING utf8mb4)", quote_name(name));
}

bool needs_conversion(ColumnKind kind) noexcept {
  return kind == ColumnKind::json || kind == ColumnKind::literal;
}

void set_value(Value& value, ColumnKind kind, std::string_view field, std::string_view utf8) {
  switch (kind) {
    case ColumnKind::number:
      return set_number(value, field);
    case ColumnKind::real:
    case ColumnKind::rounded:
      return set_real(value, field);
    case ColumnKind::bit:
      return set_bit(value, field);
    case ColumnKind::text:
    case ColumnKind::json:
      return set_text(value, field);
    case ColumnKind::latin1:
      value.kind = ValueKind::text;
      return set_latin1(value.text, field);
    case ColumnKind::utf16:
    case ColumnKind::utf16le:
      value.kind = ValueKind::text;
      if (!set_utf16(value.text, field, kind == ColumnKind::utf16le)) set_bytes(value, field);
      return;
    case ColumnKind::utf32:
      value.kind = ValueKind::text;
      if (!set_utf32(value.text, field)) set_bytes(value, field);
      return;
    case ColumnKind::other_text:
      return set_text(value, utf8);
    case ColumnKind::bytes:
    case ColumnKind::geometry:
      return set_bytes(value, field);
    case ColumnKind::date:
    case ColumnKind::timestamp:
    case ColumnKind::instant:
    case ColumnKind::time:
      return set_calendar(value, kind, field);
    case ColumnKind::literal:
      value.kind = ValueKind::other;
      value.text.assign(field);
      return;
  }
}

namespace {

constexpr bool needs_escape(char c) noexcept {
  return c == '\\' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

// Where the next byte stands that needs an escape, or the end. Eight bytes at a time are passed
// over that are all above \r and no backslash.
std::size_t next_escape(std::string_view field, std::size_t at) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  for (std::uint64_t eight = 0; field.size() - at >= sizeof eight; at += sizeof eight) {
    std::memcpy(&eight, field.data() + at, sizeof eight);
    const std::uint64_t unlike_slash = eight ^ (ones * '\\');
    const std::uint64_t low = (eight - ones * ('\r' + 1)) & ~eight;
    const std::uint64_t slash = (unlike_slash - ones) & ~unlike_slash;
    if (((low | slash) & (ones << 7U)) != 0) break;
  }
  while (at < field.size() && !needs_escape(field[at])) ++at;
  return at;
}

}  // namespace

void append_field(Bytes& to, std::string_view field) {
  std::size_t done = 0;
  while (true) {
    const std::size_t i = next_escape(field, done);
    append(to, field.substr(done, i - done));
    if (i == field.size()) return;
    done = i + 1;
    switch (field[i]) {
      case '\\':
        append(to, "\\\\");
        break;
      case '\t':
        append(to, "\\t");
        break;
      case '\n':
        append(to, "\\n");
        break;
      case '\r':
        append(to, "\\r");
        break;
      default:
        append(to, "\\0");
    }
  }
}

bool LineParser::next(std::string_view text, std::size_t& at) {
  const auto begin_field = [&] {
    if (count_ == fields_.size()) fields_.emplace_back();
    Field& field = fields_[count_++];
    field.text.clear();
    field.null = false;
  };
  count_ = 0;
  begin_field();
  for (std::size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      at = i + 1;
      return true;
    }
    if (c == '\t') {
      begin_field();
      continue;
    }
    Field& field = fields_[count_ - 1];
    if (c != '\\') {
      field.text += c;
      continue;
    }
    if (++i == text.size()) return false;
    switch (text[i]) {
      case '0':
        field.text += '\0';
        break;
      case 't':
        field.text += '\t';
        break;
      case 'n':
        field.text += '\n';
        break;
      case 'r':
        field.text += '\r';
        break;
      case 'N':
        field.null = true;
        break;
      default:
        field.text += text[i];
    }
  }
  return false;
}

}  // namespace holdfast::engine::mariadb

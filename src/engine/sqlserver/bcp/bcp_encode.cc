// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::uint64_t ticks_per_second = 10'000'000;
constexpr std::int64_t ticks_per_minute = 60 * static_cast<std::int64_t>(ticks_per_second);
constexpr std::int64_t ticks_per_day = 1440 * ticks_per_minute;
constexpr std::int64_t days_max = 3'652'058;             // of 9999-12-31, from 0001-01-01 on
constexpr std::int64_t days_to_1900 = 693'595;           // from 0001-01-01 on
constexpr std::int64_t first_day_of_datetime = -53'690;  // 1753-01-01, from 1900 on
constexpr unsigned tick_digits = 7;
constexpr std::size_t date_characters = 10;

[[noreturn]] void refuse(const SqlColumn& column, const Value& value) {
  const std::string shown = value.kind == ValueKind::real
                                ? fmt::format("{}", value.real)
                                : std::string(std::string_view(value.text).substr(0, 60));
  throw Error(Errc::unsupported, fmt::format("{} {} is no {}", model::value_kind_name(value.kind),
                                             value.kind == ValueKind::bytes
                                                 ? fmt::format("of {} bytes", value.text.size())
                                                 : shown,
                                             column.declared()));
}

void put(Bytes& to, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i, value >>= 8U)
    to.push_back(static_cast<std::byte>(value & 0xffU));
}

// The number at the front of the text, of just so many digits.
std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) noexcept {
  if (text.size() < at + count) return std::nullopt;
  unsigned number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    number = number * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return number;
}

struct Moment {
  std::int64_t days = 0;
  std::int64_t ticks = 0;
};

// "2003-02-01T11:22:33.12", with any character between.
std::optional<Moment> parse_moment(std::string_view text) noexcept {
  if (text.size() <= date_characters) return std::nullopt;
  const auto days = parse_days(text.substr(0, date_characters));
  const auto ticks = parse_clock(text.substr(date_characters + 1));
  if (!days || !ticks) return std::nullopt;
  return Moment{*days, static_cast<std::int64_t>(*ticks)};
}

// Of a datetimeoffset in UTC, "2003-02-01 11:22:33.12 +04:55".
struct Instant {
  Moment utc;
  std::int64_t offset = 0;  // in minutes
};
std::optional<Instant> parse_instant(std::string_view text) noexcept {
  constexpr std::size_t offset_characters = 7;
  if (text.size() < offset_characters) return std::nullopt;
  const std::string_view offset = text.substr(text.size() - offset_characters);
  const auto hours = digits(offset, 2, 2), minutes = digits(offset, 5, 2);
  const bool is_negative = offset[1] == '-';
  if (offset[0] != ' ' || offset[4] != ':' || (!is_negative && offset[1] != '+') || !hours ||
      !minutes)
    return std::nullopt;
  const auto local = parse_moment(text.substr(0, text.size() - offset_characters));
  if (!local) return std::nullopt;
  const auto shift = static_cast<std::int64_t>(*hours * 60 + *minutes);
  Instant found{.utc = {}, .offset = is_negative ? -shift : shift};
  const std::int64_t ticks =
      local->days * ticks_per_day + local->ticks - found.offset * ticks_per_minute;
  if (shift > 14 * 60 || ticks < 0 || ticks / ticks_per_day > days_max) return std::nullopt;
  found.utc = {ticks / ticks_per_day, ticks % ticks_per_day};
  return found;
}

std::int64_t integer(const SqlColumn& column, const Value& value, std::int64_t min,
                     std::int64_t max) {
  std::int64_t number = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [at, failure] = std::from_chars(value.text.data(), end, number);
  if (value.kind != ValueKind::number || failure != std::errc() || at != end || number < min ||
      number > max)
    refuse(column, value);
  return number;
}

void encode_integer(Bytes& to, const SqlColumn& column, const Value& value, unsigned bytes) {
  const std::int64_t max = static_cast<std::int64_t>(~std::uint64_t{0} >> (65U - 8U * bytes));
  put(to, static_cast<std::uint64_t>(integer(column, value, -max - 1, max)), bytes);
}

void encode_decimal(Bytes& to, const SqlColumn& column, const Value& value) {
  const auto number = parse_decimal(value.text, column.scale);
  if (value.kind != ValueKind::number || !number) refuse(column, value);
  put(to, column.precision, 1);
  put(to, column.scale, 1);
  put(to, number->is_negative ? 0 : 1, 1);
  put(to, static_cast<std::uint64_t>(number->magnitude), 8);
  put(to, static_cast<std::uint64_t>(number->magnitude >> 64U), 8);
}

void encode_money(Bytes& to, const SqlColumn& column, const Value& value) {
  const bool is_small = column.type == SqlType::smallmoney;
  const auto number = parse_decimal(value.text, 4);
  const UInt128 max = UInt128{1} << (is_small ? 31U : 63U);
  if (value.kind != ValueKind::number || !number ||
      number->magnitude > max - (number->is_negative ? 0 : 1))
    refuse(column, value);
  const auto magnitude = static_cast<std::uint64_t>(number->magnitude);
  const std::uint64_t units = number->is_negative ? 0 - magnitude : magnitude;
  if (!is_small) put(to, units >> 32U, 4);  // the upper half comes first
  put(to, units, 4);
}

void encode_datetime(Bytes& to, const SqlColumn& column, const Value& value) {
  constexpr std::int64_t ticks_per_millisecond = ticks_per_second / 1000;
  const auto moment = parse_moment(value.text);
  if (value.kind != ValueKind::timestamp || !moment || moment->ticks % ticks_per_millisecond != 0)
    refuse(column, value);
  const std::int64_t milliseconds = moment->ticks / ticks_per_millisecond;
  const std::int64_t thirds = (milliseconds * 3 + 5) / 10;
  const std::int64_t days = moment->days - days_to_1900;
  // Of the milliseconds only those that are the nearest one of some third of a hundredth.
  if ((thirds * 10 + 1) / 3 != milliseconds || days < first_day_of_datetime) refuse(column, value);
  put(to, static_cast<std::uint64_t>(days), 4);
  put(to, static_cast<std::uint64_t>(thirds), 4);
}

void encode_smalldatetime(Bytes& to, const SqlColumn& column, const Value& value) {
  constexpr std::int64_t days_of_two_bytes = 65'535;
  const auto moment = parse_moment(value.text);
  if (value.kind != ValueKind::timestamp || !moment || moment->ticks % ticks_per_minute != 0)
    refuse(column, value);
  const std::int64_t days = moment->days - days_to_1900;
  if (days < 0 || days > days_of_two_bytes) refuse(column, value);
  put(to, static_cast<std::uint64_t>(days), 2);
  put(to, static_cast<std::uint64_t>(moment->ticks / ticks_per_minute), 2);
}

// With so many bytes of time in units of so many ticks; a column has 5 of one.
struct TimeLayout {
  unsigned bytes = 5;
  std::uint64_t ticks = 1;
};

void encode_moment(Bytes& to, const SqlColumn& column, const Value& value,
                   const TimeLayout& layout = {}) {
  const auto put_ticks = [&](std::int64_t ticks) {
    if (static_cast<std::uint64_t>(ticks) % variant_time_ticks(column.scale) != 0)
      refuse(column, value);
    put(to, static_cast<std::uint64_t>(ticks) / layout.ticks, layout.bytes);
  };
  switch (column.type) {
    case SqlType::date: {
      const auto days = parse_days(value.text);
      if (value.kind != ValueKind::date || !days) refuse(column, value);
      return put(to, static_cast<std::uint64_t>(*days), 3);
    }
    case SqlType::time: {
      const auto ticks = parse_clock(value.text);
      if (value.kind != ValueKind::time || !ticks) refuse(column, value);
      return put_ticks(static_cast<std::int64_t>(*ticks));
    }
    case SqlType::datetime2: {
      const auto moment = parse_moment(value.text);
      if (value.kind != ValueKind::timestamp || !moment) refuse(column, value);
      put_ticks(moment->ticks);
      return put(to, static_cast<std::uint64_t>(moment->days), 3);
    }
    default: {
      const auto instant = parse_instant(value.text);
      if (value.kind != ValueKind::other || !instant) refuse(column, value);
      put_ticks(instant->utc.ticks);
      put(to, static_cast<std::uint64_t>(instant->utc.days), 3);
      put(to, static_cast<std::uint64_t>(instant->offset), 2);
    }
  }
}

void encode_real(Bytes& to, const SqlColumn& column, const Value& value) {
  if (value.kind != ValueKind::real || !std::isfinite(value.real)) refuse(column, value);
  if (column.type == SqlType::floating) return put(to, std::bit_cast<std::uint64_t>(value.real), 8);
  const auto single = static_cast<float>(value.real);
  if (static_cast<double>(single) != value.real) refuse(column, value);
  put(to, std::bit_cast<std::uint32_t>(single), 4);
}

void encode_guid(Bytes& to, const SqlColumn& column, const Value& value) {
  std::string hex;
  for (const char c : value.text)
    if (c != '-') hex += c;
  const auto bytes = from_hex(hex);
  constexpr std::size_t guid_bytes = 16, guid_characters = 36;
  if (value.kind != ValueKind::text || value.text.size() != guid_characters || !bytes ||
      bytes->size() != guid_bytes)
    refuse(column, value);
  constexpr std::array<unsigned, guid_bytes> order{3, 2, 1,  0,  5,  4,  7,  6,
                                                   8, 9, 10, 11, 12, 13, 14, 15};
  for (const unsigned at : order) to.push_back((*bytes)[at]);
}

struct VariantCode {
  std::string_view name;
  std::uint8_t code;
};
constexpr std::array variant_codes{
    VariantCode{"uniqueidentifier", 0x24},
    VariantCode{"date", 0x28},
    VariantCode{"time", 0x29},
    VariantCode{"datetime2", 0x2a},
    VariantCode{"datetimeoffset", 0x2b},
    VariantCode{"tinyint", 0x30},
    VariantCode{"bit", 0x32},
    VariantCode{"smallint", 0x34},
    VariantCode{"int", 0x38},
    VariantCode{"smalldatetime", 0x3a},
    VariantCode{"real", 0x3b},
    VariantCode{"money", 0x3c},
    VariantCode{"datetime", 0x3d},
    VariantCode{"float", 0x3e},
    VariantCode{"decimal", 0x6a},
    VariantCode{"numeric", 0x6c},
    VariantCode{"smallmoney", 0x7a},
    VariantCode{"bigint", 0x7f},
    VariantCode{"varbinary", 0xa5},
    VariantCode{"varchar", 0xa7},
    VariantCode{"binary", 0xad},
    VariantCode{"char", 0xaf},
    VariantCode{"nvarchar", 0xe7},
    VariantCode{"nchar", 0xef},
};

void encode_variant_text(Bytes& to, const SqlColumn& column, std::string_view text) {
  constexpr std::uint32_t utf8_flag = 1U << 26U, english = 0x409;
  const bool is_wide = column.type == SqlType::nchar || column.type == SqlType::nvarchar;
  put(to, 7, 1);
  put(to, utf8_flag | english, 4);
  put(to, 0, 1);
  put(to, column.length * (is_wide ? 2U : 1U), 2);
  if (is_wide)
    static_cast<void>(append_utf16(to, text));
  else
    append(to, text);
}

void encode_variant(Bytes& to, const SqlColumn& outer, const Value& value) {
  const auto variant = variant_of(value.text);
  const auto* const code =
      variant ? std::ranges::find(variant_codes, variant->column.type_name, &VariantCode::name)
              : variant_codes.end();
  if (value.kind != ValueKind::other || code == variant_codes.end()) refuse(outer, value);
  const SqlColumn& column = variant->column;
  put(to, code->code, 1);
  switch (column.type) {
    case SqlType::character:
    case SqlType::varchar:
    case SqlType::nchar:
    case SqlType::nvarchar:
      return encode_variant_text(to, column, variant->value.text);
    case SqlType::binary:
    case SqlType::varbinary:
      put(to, 2, 1);
      put(to, column.length, 2);
      return append(to, as_bytes(variant->value.text));
    case SqlType::decimal: {
      // As many words of 32 bits as its digits may need.
      const unsigned words = column.precision <= 9    ? 1
                             : column.precision <= 19 ? 2
                             : column.precision <= 28 ? 3
                                                      : 4;
      Bytes whole;
      encode_decimal(whole, column, variant->value);
      put(to, 2, 1);
      append(to, ByteView(whole).first(2));
      return append(to, ByteView(whole).subspan(2, 1 + 4 * std::size_t{words}));
    }
    case SqlType::time:
    case SqlType::datetime2:
    case SqlType::datetimeoffset:
      put(to, 1, 1);
      put(to, column.scale, 1);
      return encode_moment(to, column, variant->value,
                           {variant_time_bytes(column.scale), variant_time_ticks(column.scale)});
    default:
      put(to, 0, 1);
      return encode_bcp(to, column, variant->value);
  }
}

// The kind of a value that stands as a text behind its type.
bool set_own_value(Value& into, const SqlColumn& column, std::string_view text) {
  into.kind = ValueKind::number;
  into.text.assign(text);
  switch (column.type) {
    case SqlType::date:
      into.kind = ValueKind::date;
      break;
    case SqlType::time:
      into.kind = ValueKind::time;
      break;
    case SqlType::datetime:
    case SqlType::datetime2:
    case SqlType::smalldatetime:
      into.kind = ValueKind::timestamp;
      break;
    case SqlType::datetimeoffset:
      into.kind = ValueKind::other;
      break;
    case SqlType::real:
    case SqlType::floating: {
      // Of a real the shortest text that is the same real again.
      const char* const end = text.data() + text.size();
      float single = 0;
      const auto [at, failure] = column.type == SqlType::real
                                     ? std::from_chars(text.data(), end, single)
                                     : std::from_chars(text.data(), end, into.real);
      if (column.type == SqlType::real) into.real = static_cast<double>(single);
      into.kind = ValueKind::real;
      into.text.clear();
      return failure == std::errc() && at == end;
    }
    case SqlType::binary:
    case SqlType::varbinary: {
      const auto bytes = text.starts_with("0x") ? from_hex(text.substr(2)) : std::nullopt;
      into.kind = ValueKind::bytes;
      if (bytes) into.text.assign(as_text(*bytes));
      return bytes.has_value();
    }
    case SqlType::character:
    case SqlType::varchar:
    case SqlType::nchar:
    case SqlType::nvarchar:
    case SqlType::uniqueidentifier:
      into.kind = ValueKind::text;
      break;
    default:
      break;
  }
  return true;
}

}  // namespace

std::size_t utf16_units(std::string_view utf8) noexcept {
  std::size_t units = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U) units += byte >= 0xf0U ? 2 : 1;
  }
  return units;
}

bool append_utf16(Bytes& to, std::string_view utf8) {
  while (!utf8.empty()) {
    const std::size_t ascii = ascii_prefix_bytes(utf8);
    const std::size_t before = to.size();
    to.resize(before + 2 * ascii);
    for (std::size_t i = 0; i < ascii; ++i) {
      to[before + 2 * i] = static_cast<std::byte>(utf8[i]);
      to[before + 2 * i + 1] = std::byte{0};
    }
    utf8.remove_prefix(ascii);
    if (utf8.empty()) break;
    const auto [rune, size_bytes] = decode_utf8(utf8);
    if (size_bytes == 0) return false;
    if (rune < 0x10000) {
      put(to, rune, 2);
    } else {
      put(to, 0xd800U + ((rune - 0x10000U) >> 10U), 2);
      put(to, 0xdc00U + ((rune - 0x10000U) & 0x3ffU), 2);
    }
    utf8.remove_prefix(size_bytes);
  }
  return true;
}

std::optional<Decimal> parse_decimal(std::string_view number, unsigned scale) noexcept {
  constexpr unsigned digits_max = 38;
  Decimal found;
  found.is_negative = number.starts_with('-');
  if (found.is_negative) number.remove_prefix(1);
  unsigned count = 0, behind = 0;
  bool has_point = false, has_digit = false;
  const auto take = [&](unsigned digit) {
    if (count > 0 || digit > 0) ++count;
    found.magnitude = found.magnitude * 10 + digit;
    return count <= digits_max;
  };
  for (const char c : number) {
    if (c == '.' && !has_point) {
      has_point = true;
      continue;
    }
    if (c < '0' || c > '9' || (has_point && ++behind > scale)) return std::nullopt;
    has_digit = true;
    if (!take(static_cast<unsigned>(c - '0'))) return std::nullopt;
  }
  for (; behind < scale; ++behind)
    if (!take(0)) return std::nullopt;
  if (!has_digit) return std::nullopt;
  return found;
}

std::optional<std::uint64_t> parse_clock(std::string_view time) noexcept {
  const auto hours = digits(time, 0, 2), minutes = digits(time, 3, 2), seconds = digits(time, 6, 2);
  if (!hours || !minutes || !seconds || time[2] != ':' || time[5] != ':' || *hours > 23 ||
      *minutes > 59 || *seconds > 59)
    return std::nullopt;
  std::string_view fraction = time.substr(8);
  std::uint64_t ticks = 0;
  if (!fraction.empty()) {
    const std::size_t count = fraction.size() - 1;
    const auto found = digits(fraction, 1, count);
    if (fraction[0] != '.' || count == 0 || count > tick_digits || !found) return std::nullopt;
    ticks = *found;
    for (std::size_t i = count; i < tick_digits; ++i) ticks *= 10;
  }
  return ((std::uint64_t{*hours} * 60 + *minutes) * 60 + *seconds) * ticks_per_second + ticks;
}

std::optional<std::int64_t> parse_days(std::string_view date) noexcept {
  const auto year = digits(date, 0, 4), month = digits(date, 5, 2), day = digits(date, 8, 2);
  if (date.size() != date_characters || !year || !month || !day || date[4] != '-' ||
      date[7] != '-' || *year == 0)
    return std::nullopt;
  const std::chrono::year_month_day found(std::chrono::year(static_cast<int>(*year)),
                                          std::chrono::month(*month), std::chrono::day(*day));
  if (!found.ok()) return std::nullopt;
  constexpr std::chrono::sys_days first = std::chrono::year(1) / 1 / 1;
  return (std::chrono::sys_days(found) - first).count();
}

std::optional<VariantText> variant_of(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::string_view type = text.substr(0, space);
  VariantText found;
  SqlColumn& column = found.column;
  const auto open = type.find('(');
  column.type_name = type.substr(0, open);
  column.type = sql_type(column.type_name);
  if (open != std::string_view::npos) {
    std::array<unsigned, 2> numbers{};
    const char* at = type.data() + open;
    const char* const end = type.data() + type.size();
    for (unsigned& number : numbers) {
      const auto [behind, failure] = std::from_chars(at + 1, end, number);
      if (failure != std::errc() || behind == end || (*behind != ',' && *behind != ')'))
        return std::nullopt;
      at = behind;
      if (*at == ')') break;
    }
    if (*at != ')' || at + 1 != end) return std::nullopt;
    column.length = numbers[0];
    column.precision = numbers[0];
    column.scale = column.type == SqlType::decimal ? numbers[1] : numbers[0];
  }
  if (column.type == SqlType::unknown || column.declared() != type ||
      !set_own_value(found.value, column, text.substr(space + 1)))
    return std::nullopt;
  return found;
}

void encode_bcp(Bytes& to, const SqlColumn& column, const Value& value) {
  switch (column.type) {
    case SqlType::bit:
      return put(to, static_cast<std::uint64_t>(integer(column, value, 0, 1)), 1);
    case SqlType::tinyint:
      return put(to, static_cast<std::uint64_t>(integer(column, value, 0, 255)), 1);
    case SqlType::smallint:
      return encode_integer(to, column, value, 2);
    case SqlType::integer:
      return encode_integer(to, column, value, 4);
    case SqlType::bigint:
      return encode_integer(to, column, value, 8);
    case SqlType::real:
    case SqlType::floating:
      return encode_real(to, column, value);
    case SqlType::decimal:
      return encode_decimal(to, column, value);
    case SqlType::money:
    case SqlType::smallmoney:
      return encode_money(to, column, value);
    case SqlType::datetime:
      return encode_datetime(to, column, value);
    case SqlType::smalldatetime:
      return encode_smalldatetime(to, column, value);
    case SqlType::date:
    case SqlType::time:
    case SqlType::datetime2:
    case SqlType::datetimeoffset:
      return encode_moment(to, column, value);
    case SqlType::uniqueidentifier:
      return encode_guid(to, column, value);
    case SqlType::variant:
      return encode_variant(to, column, value);
    default:
      refuse(column, value);
  }
}

}  // namespace holdfast::engine::sqlserver

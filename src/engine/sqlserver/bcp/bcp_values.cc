// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/sqlserver/bak/mtf.h"
#include "engine/sqlserver/bcp/bcp_variant.h"
#include "engine/sqlserver/checks.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::uint64_t ticks_per_second = 10'000'000;  // of time, datetime2 and datetimeoffset
constexpr std::uint64_t ticks_per_day = 86'400 * ticks_per_second;
constexpr unsigned tick_digits = 7;
constexpr std::int64_t days_max = 3'652'058;             // of 9999-12-31, from 0001-01-01 on
constexpr std::int64_t days_to_1900 = 693'595;           // from 0001-01-01 on
constexpr std::int64_t first_day_of_datetime = -53'690;  // 1753-01-01, from 1900 on
constexpr std::uint32_t minutes_per_day = 1440;
constexpr std::uint8_t plus = 1;

[[noreturn]] void refuse(const SqlColumn& column, ByteView stored) {
  const ByteView shown = stored.first(std::min<std::size_t>(stored.size(), 24));
  throw Error(Errc::corrupt, fmt::format("{} is no {}", to_hex(shown), column.declared()));
}

std::uint64_t little_endian(ByteView stored) {
  std::uint64_t value = 0;
  for (std::size_t i = stored.size(); i-- > 0;)
    value = value << 8U | std::to_integer<std::uint64_t>(stored[i]);
  return value;
}

std::int64_t signed_little_endian(ByteView stored) {
  const auto unused = static_cast<unsigned>(64 - 8 * stored.size());
  return static_cast<std::int64_t>(little_endian(stored) << unused) >> unused;
}

void set(Value& into, ValueKind kind, std::string_view text) {
  into.kind = kind;
  into.text.assign(text);
}

void set_integer(Value& into, std::int64_t number) {
  const fmt::format_int text(number);
  set(into, ValueKind::number, {text.data(), text.size()});
}

// Decimal digits with leading zeros, from `at` on. What is behind them.
template <int count>
char* put_digits(char* at, std::uint64_t value) noexcept {
  for (int i = count; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + count;
}

char* put_date(char* at, std::int64_t days) noexcept {
  constexpr std::chrono::sys_days first = std::chrono::year(1) / 1 / 1;
  const std::chrono::year_month_day date(first + std::chrono::days(static_cast<int>(days)));
  at = put_digits<4>(at, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  *at++ = '-';
  at = put_digits<2>(at, static_cast<unsigned>(date.month()));
  *at++ = '-';
  return put_digits<2>(at, static_cast<unsigned>(date.day()));
}

// With at least so many digits of the second's fraction, and no zeros behind those.
char* put_time(char* at, std::uint64_t ticks, unsigned digits_min) noexcept {
  const std::uint64_t seconds = ticks / ticks_per_second;
  at = put_digits<2>(at, seconds / 3600);
  *at++ = ':';
  at = put_digits<2>(at, seconds / 60 % 60);
  *at++ = ':';
  at = put_digits<2>(at, seconds % 60);
  char* const point = at;
  *at++ = '.';
  at = put_digits<tick_digits>(at, ticks % ticks_per_second);
  while (at[-1] == '0' && at - point - 1 > digits_min) --at;
  return at[-1] == '.' ? at - 1 : at;
}

using TextRoom = std::array<char, 48>;

void set_timestamp(Value& into, std::int64_t days, std::uint64_t ticks) {
  TextRoom room;
  char* at = put_date(room.data(), days);
  *at++ = 'T';
  at = put_time(at, ticks, 0);
  set(into, ValueKind::timestamp, {room.data(), at});
}

void decode_date(const SqlColumn& column, ByteView stored, Value& into) {
  const auto days = static_cast<std::int64_t>(little_endian(stored));
  if (days > days_max) refuse(column, stored);
  TextRoom room;
  set(into, ValueKind::date, {room.data(), put_date(room.data(), days)});
}

void decode_time(const SqlColumn& column, ByteView stored, Value& into) {
  const std::uint64_t ticks = little_endian(stored);
  if (ticks >= ticks_per_day) refuse(column, stored);
  TextRoom room;
  set(into, ValueKind::time, {room.data(), put_time(room.data(), ticks, 0)});
}

void decode_datetime2(const SqlColumn& column, ByteView stored, Value& into) {
  const std::uint64_t ticks = little_endian(stored.first(5));
  const auto days = static_cast<std::int64_t>(little_endian(stored.subspan(5, 3)));
  if (ticks >= ticks_per_day || days > days_max) refuse(column, stored);
  set_timestamp(into, days, ticks);
}

// The moment is stored in UTC, and shown by the clock where it was.
void decode_datetimeoffset(const SqlColumn& column, ByteView stored, Value& into) {
  constexpr std::int64_t offset_max = 14 * 60;
  const std::uint64_t ticks = little_endian(stored.first(5));
  const auto days = static_cast<std::int64_t>(little_endian(stored.subspan(5, 3)));
  const std::int64_t offset = signed_little_endian(stored.subspan(8, 2));
  if (ticks >= ticks_per_day || days > days_max || offset < -offset_max || offset > offset_max)
    refuse(column, stored);
  constexpr auto day = static_cast<std::int64_t>(ticks_per_day);
  const std::int64_t local = days * day + static_cast<std::int64_t>(ticks) +
                             offset * 60 * static_cast<std::int64_t>(ticks_per_second);
  if (local < 0 || local / day > days_max) refuse(column, stored);
  TextRoom room;
  char* at = put_date(room.data(), local / day);
  *at++ = ' ';
  at = put_time(at, static_cast<std::uint64_t>(local % day), column.scale);
  *at++ = ' ';
  *at++ = offset < 0 ? '-' : '+';
  const auto minutes = static_cast<std::uint64_t>(offset < 0 ? -offset : offset);
  at = put_digits<2>(at, minutes / 60);
  *at++ = ':';
  at = put_digits<2>(at, minutes % 60);
  set(into, ValueKind::other, {room.data(), at});
}

// In thirds of a hundredth of a second, of which the nearest thousandth is shown.
void decode_datetime(const SqlColumn& column, ByteView stored, Value& into) {
  const std::int64_t days = signed_little_endian(stored.first(4));
  const std::uint64_t thirds = little_endian(stored.subspan(4, 4));
  constexpr std::uint64_t thirds_per_second = 300;
  if (days < first_day_of_datetime || days > days_max - days_to_1900 ||
      thirds >= 86'400 * thirds_per_second)
    refuse(column, stored);
  const std::uint64_t milliseconds = (thirds * 1000 + thirds_per_second / 2) / thirds_per_second;
  set_timestamp(into, days + days_to_1900, milliseconds * (ticks_per_second / 1000));
}

void decode_smalldatetime(const SqlColumn& column, ByteView stored, Value& into) {
  const auto days = static_cast<std::int64_t>(little_endian(stored.first(2)));
  const std::uint64_t minutes = little_endian(stored.subspan(2, 2));
  if (minutes >= minutes_per_day) refuse(column, stored);
  set_timestamp(into, days + days_to_1900, minutes * 60 * ticks_per_second);
}

void decode_money(ByteView stored, Value& into) {
  constexpr unsigned scale = 4;
  // Of eight bytes the upper half comes first.
  const std::int64_t number =
      stored.size() == 4 ? signed_little_endian(stored)
                         : static_cast<std::int64_t>(little_endian(stored.first(4)) << 32U |
                                                     little_endian(stored.subspan(4, 4)));
  const bool is_negative = number < 0;
  const std::uint64_t magnitude =
      is_negative ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
  set_decimal(into, is_negative, magnitude, scale);
}

// Precision, scale, sign, and the digits as a number of 128 bits.
void decode_decimal(const SqlColumn& column, ByteView stored, Value& into) {
  constexpr unsigned digits_max = 38;
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(stored[at]); };
  const unsigned precision = byte(0), scale = byte(1), sign = byte(2);
  const auto magnitude =
      static_cast<UInt128>(load_le64(stored.data() + 11)) << 64U | load_le64(stored.data() + 3);
  if (precision > digits_max || scale > precision || sign > plus ||
      !set_decimal(into, sign != plus, magnitude, scale))
    refuse(column, stored);
}

void decode_real(const SqlColumn& column, ByteView stored, Value& into) {
  into.kind = ValueKind::real;
  into.text.clear();
  into.real = column.type == SqlType::real
                  ? static_cast<double>(std::bit_cast<float>(load_le32(stored.data())))
                  : std::bit_cast<double>(load_le64(stored.data()));
}

void decode_bit(const SqlColumn& column, ByteView stored, Value& into) {
  const auto bit = std::to_integer<unsigned>(stored[0]);
  if (bit > 1) refuse(column, stored);
  set_integer(into, bit);
}

// Units of UTF-16 at the front that are ASCII, four at a time.
std::size_t ascii_units(ByteView stored) noexcept {
  constexpr std::uint64_t others = 0xff80'ff80'ff80'ff80;
  std::size_t at = 0;
  while (at + 8 <= stored.size() && (load_le64(stored.data() + at) & others) == 0) at += 8;
  return at / 2;
}

void decode_text(const SqlColumn& column, ByteView stored, Value& into) {
  if (stored.size() % 2 != 0) refuse(column, stored);
  into.kind = ValueKind::text;
  into.text.clear();
  into.text.reserve(stored.size() / 2);
  for (std::size_t at = 0; at < stored.size();) {
    for (std::size_t ascii = ascii_units(stored.subspan(at)); ascii > 0; --ascii, at += 2)
      into.text += static_cast<char>(stored[at]);
    if (at == stored.size()) break;
    char32_t rune = load_le16(stored.data() + at);
    at += 2;
    if (rune >= 0xd800 && rune < 0xe000) {
      const char32_t low = at + 2 <= stored.size() ? load_le16(stored.data() + at) : 0;
      if (rune >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
        return set(into, ValueKind::bytes, as_text(stored));
      rune = 0x10000 + ((rune - 0xd800) << 10U) + (low - 0xdc00);
      at += 2;
    }
    append_utf8(into.text, rune);
  }
}

bool is_text(SqlType type) noexcept {
  return type >= SqlType::character && type <= SqlType::xml;
}

std::uint64_t fixed_bytes(SqlType type) noexcept {
  switch (type) {
    case SqlType::bit:
    case SqlType::tinyint:
      return 1;
    case SqlType::smallint:
      return 2;
    case SqlType::date:
      return 3;
    case SqlType::integer:
    case SqlType::real:
    case SqlType::smallmoney:
    case SqlType::smalldatetime:
      return 4;
    case SqlType::time:
      return 5;
    case SqlType::bigint:
    case SqlType::floating:
    case SqlType::money:
    case SqlType::datetime:
    case SqlType::datetime2:
    case SqlType::rowversion:
      return 8;
    case SqlType::datetimeoffset:
      return 10;
    case SqlType::uniqueidentifier:
      return 16;
    case SqlType::decimal:
      return 19;
    default:
      return 0;
  }
}

unsigned integer_digits(SqlType type) noexcept {
  switch (type) {
    case SqlType::bit:
      return 1;
    case SqlType::tinyint:
      return 3;
    case SqlType::smallint:
      return 5;
    case SqlType::integer:
      return 10;
    default:
      return 19;
  }
}

}  // namespace

bool set_decimal(Value& into, bool is_negative, UInt128 magnitude, unsigned scale) {
  constexpr unsigned digits_max = 38;
  std::array<char, digits_max + 4> room;  // with a zero in front of the point, and a sign
  char* const end = room.data() + room.size();
  char* at = end;
  // From the last digit on; zeros at the end of a fraction are left out.
  for (unsigned digits = 0; magnitude > 0 || digits <= scale; ++digits, magnitude /= 10) {
    if (digits == digits_max && magnitude > 0) return false;
    const auto digit = static_cast<unsigned>(magnitude % 10);
    if (digits == scale && at != end) *--at = '.';
    if (digits >= scale || digit != 0 || at != end) *--at = static_cast<char>('0' + digit);
  }
  if (is_negative && std::string_view(at, end) != "0") *--at = '-';
  set(into, ValueKind::number, {at, end});
  return true;
}

BcpLayout bcp_layout(const SqlColumn& column) noexcept {
  constexpr std::uint64_t any = 0x7fff'ffff'ffff'ffff;
  const std::uint64_t fixed = fixed_bytes(column.type);
  const std::uint64_t characters = 2 * std::uint64_t{column.length};
  switch (column.type) {
    case SqlType::bit:
    case SqlType::uniqueidentifier:
    case SqlType::decimal:
      return {1, false, fixed, fixed};
    case SqlType::rowversion:
      return {2, false, fixed, fixed};
    case SqlType::character:
      if (!column.is_nullable) return {0, false, characters, characters};
      return {2, false, 0, characters};
    case SqlType::varchar:
    case SqlType::nchar:
    case SqlType::nvarchar:
      if (!column.is_max) return {2, false, 0, characters};
      return {8, false, 0, any};
    case SqlType::binary:
    case SqlType::varbinary:
      if (!column.is_max) return {2, false, 0, column.length};
      return {8, false, 0, any};
    case SqlType::text:
    case SqlType::ntext:
    case SqlType::image:
      return {4, false, 0, 0x7fff'ffff};
    case SqlType::xml:
    case SqlType::clr:
      return {8, false, 0, any};
    case SqlType::variant:
      return {4, true, 2, 8'016 + 16};
    default:
      return {static_cast<std::uint8_t>(column.is_nullable ? 1 : 0), false, fixed, fixed};
  }
}

bool decode_bcp(const SqlColumn& column, ByteView stored, Value& into) {
  if (is_text(column.type)) {
    decode_text(column, stored, into);
    return into.kind == ValueKind::text;
  }
  switch (column.type) {
    case SqlType::bit:
      decode_bit(column, stored, into);
      break;
    case SqlType::tinyint:
      set_integer(into, std::to_integer<std::int64_t>(stored[0]));
      break;
    case SqlType::smallint:
    case SqlType::integer:
    case SqlType::bigint:
      set_integer(into, signed_little_endian(stored));
      break;
    case SqlType::real:
    case SqlType::floating:
      decode_real(column, stored, into);
      break;
    case SqlType::decimal:
      decode_decimal(column, stored, into);
      break;
    case SqlType::money:
    case SqlType::smallmoney:
      decode_money(stored, into);
      break;
    case SqlType::date:
      decode_date(column, stored, into);
      break;
    case SqlType::time:
      decode_time(column, stored, into);
      break;
    case SqlType::datetime:
      decode_datetime(column, stored, into);
      break;
    case SqlType::datetime2:
      decode_datetime2(column, stored, into);
      break;
    case SqlType::smalldatetime:
      decode_smalldatetime(column, stored, into);
      break;
    case SqlType::datetimeoffset:
      decode_datetimeoffset(column, stored, into);
      break;
    case SqlType::uniqueidentifier:
      set(into, ValueKind::text, guid_text(stored));
      break;
    case SqlType::variant:
      return decode_variant(column, stored, into);
    default:
      set(into, ValueKind::bytes, as_text(stored));
  }
  return true;
}

model::ColumnDefinition define_column(const SqlColumn& column) {
  model::ColumnDefinition made;
  made.name = column.name;
  made.type = column.declared();
  made.is_nullable = column.is_nullable;
  made.obstacle = column.obstacle;
  const auto number = [&made](unsigned precision, int scale) {
    made.kind = ValueKind::number;
    made.precision = precision;
    made.scale = scale;
  };
  const auto moment = [&made](ValueKind kind, unsigned digits) {
    made.kind = kind;
    made.fraction_digits = digits;
  };
  const auto bytes = [&made](std::optional<std::uint64_t> length) {
    made.kind = ValueKind::bytes;
    made.length = length;
  };
  constexpr std::uint64_t guid_characters = 36, rowversion_bytes = 8;
  switch (column.type) {
    case SqlType::bit:
    case SqlType::tinyint:
    case SqlType::smallint:
    case SqlType::integer:
    case SqlType::bigint:
      number(integer_digits(column.type), 0);
      break;
    case SqlType::decimal:
      number(column.precision, static_cast<int>(column.scale));
      break;
    case SqlType::money:
      number(19, 4);
      break;
    case SqlType::smallmoney:
      number(10, 4);
      break;
    case SqlType::real:
    case SqlType::floating:
      made.kind = ValueKind::real;
      break;
    case SqlType::date:
      moment(ValueKind::date, 0);
      break;
    case SqlType::time:
      moment(ValueKind::time, column.scale);
      break;
    case SqlType::datetime:
      moment(ValueKind::timestamp, 3);
      break;
    case SqlType::datetime2:
      moment(ValueKind::timestamp, column.scale);
      break;
    case SqlType::smalldatetime:
      moment(ValueKind::timestamp, 0);
      break;
    case SqlType::datetimeoffset:
    case SqlType::variant:
      made.kind = ValueKind::other;
      break;
    case SqlType::uniqueidentifier:
      made.length = guid_characters;
      break;
    case SqlType::character:
    case SqlType::nchar:
      made.is_padded = true;
      [[fallthrough]];
    case SqlType::varchar:
    case SqlType::nvarchar:
      if (!column.is_max) made.length = column.length;
      break;
    case SqlType::binary:
    case SqlType::varbinary:
      bytes(column.is_max ? std::nullopt : std::optional<std::uint64_t>(column.length));
      break;
    case SqlType::rowversion:
      bytes(rowversion_bytes);
      break;
    case SqlType::image:
    case SqlType::clr:
      bytes(std::nullopt);
      break;
    case SqlType::text:
    case SqlType::ntext:
    case SqlType::xml:
    case SqlType::unknown:
      break;
  }
  return made;
}

}  // namespace holdfast::engine::sqlserver

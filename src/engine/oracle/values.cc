// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::size_t number_bytes_max = 22;
constexpr std::size_t date_bytes = 7;
constexpr std::size_t timestamp_bytes = 11;
constexpr std::size_t zoned_bytes = 13;
constexpr std::uint32_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint32_t excess_32 = 0x8000'0000U;

[[noreturn]] void refuse(std::string_view what, ByteView stored) {
  const ByteView shown = stored.first(std::min<std::size_t>(stored.size(), 24));
  throw Error(Errc::corrupt, fmt::format("{} {}{} is none that Oracle stores", what, to_hex(shown),
                                         shown.size() < stored.size() ? "…" : ""));
}

unsigned at(ByteView stored, std::size_t index) {
  return std::to_integer<unsigned>(stored[index]);
}

void set(Value& into, ValueKind kind, std::string_view text) {
  into.kind = kind;
  into.text.assign(text);
}

// Decimal digits with leading zeros, from `at` on. What is behind them.
template <int count>
char* put_digits(char* at, unsigned value) noexcept {
  for (int i = count; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + count;
}

// Digits to the base 100, most significant first, of which the first is not 0 and counts 100 to
// `power`.
void set_decimal(Value& into, bool is_negative, int power, const unsigned* digits, int count) {
  // Up to 63 pairs in front of the point, up to 64 of zeros behind it, and what is stored.
  std::array<char, 2 * (64 + number_bytes_max) + 4> text;
  char* at = text.data();
  if (is_negative) *at++ = '-';
  if (power < 0)
    *at++ = '0';
  else
    at = digits[0] < 10 ? put_digits<1>(at, digits[0]) : put_digits<2>(at, digits[0]);
  for (int i = 1; i <= power; ++i) at = put_digits<2>(at, i < count ? digits[i] : 0);
  if (count - 1 > power) {
    *at++ = '.';
    for (int i = power + 1; i < 0; ++i) at = put_digits<2>(at, 0);
    for (int i = std::max(power + 1, 0); i < count; ++i) at = put_digits<2>(at, digits[i]);
    while (at[-1] == '0') --at;
    if (at[-1] == '.') --at;
  }
  set(into, ValueKind::number, {text.data(), at});
}

struct Calendar {
  int year = 0;  // as Oracle counts, without a zero
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::uint32_t nanoseconds = 0;

  [[nodiscard]] int astronomical_year() const noexcept { return year < 0 ? year + 1 : year; }
};

bool is_leap(int year) noexcept {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

unsigned days_of(int year, unsigned month) noexcept {
  constexpr std::array<unsigned, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

// 29 February of a year that only the Julian calendar has it in, before it was left.
bool is_julian_leap_day(const Calendar& when) noexcept {
  const int year = when.astronomical_year();
  return year < 1582 && year % 4 == 0 && !is_leap(year) && when.month == 2 && when.day == 29;
}

Calendar read_calendar(std::string_view what, ByteView stored) {
  Calendar when;
  const int century = static_cast<int>(at(stored, 0)) - 100;
  const int of_century = static_cast<int>(at(stored, 1)) - 100;
  when.year = century * 100 + of_century;
  when.month = at(stored, 2);
  when.day = at(stored, 3);
  when.hour = at(stored, 4) - 1;
  when.minute = at(stored, 5) - 1;
  when.second = at(stored, 6) - 1;
  if (stored.size() >= timestamp_bytes) when.nanoseconds = load_be32(stored.data() + date_bytes);
  const bool signs_agree = (century >= 0 && of_century >= 0) || (century <= 0 && of_century <= 0);
  if (!signs_agree || std::abs(of_century) > 99 || when.year == 0 || when.year < -4713 ||
      when.year > 9999 || when.month < 1 || when.month > 12 || when.day < 1 || when.hour > 23 ||
      when.minute > 59 || when.second > 59 || when.nanoseconds >= nanoseconds_per_second)
    refuse(what, stored);
  if (when.day > days_of(when.astronomical_year(), when.month) && !is_julian_leap_day(when))
    refuse(what, stored);
  return when;
}

// `kind`, or other where the calendars differ.
void set_moment(Value& into, ValueKind kind, const Calendar& when) {
  std::array<char, sizeof "-4712-01-01T00:00:00.123456789Z"> text;
  char* at = text.data();
  const int year = when.astronomical_year();
  if (year < 0) *at++ = '-';
  const auto digits = static_cast<unsigned>(std::abs(year));
  // Another zone's last hours of 9999 are the next year's in UTC.
  at = digits > 9999 ? put_digits<5>(at, digits) : put_digits<4>(at, digits);
  const auto put = [&at](char before, unsigned two) {
    *at++ = before;
    at = put_digits<2>(at, two);
  };
  put('-', when.month);
  put('-', when.day);
  put('T', when.hour);
  put(':', when.minute);
  put(':', when.second);
  if (when.nanoseconds != 0) {
    *at++ = '.';
    at = put_digits<9>(at, when.nanoseconds);
    while (at[-1] == '0') --at;
  }
  if (kind == ValueKind::instant) *at++ = 'Z';
  set(into, is_julian_leap_day(when) ? ValueKind::other : kind, {text.data(), at});
}

// A part of an interval that is stored as an excess over `zero`.
int excess(unsigned stored, unsigned zero) noexcept {
  return static_cast<int>(stored) - static_cast<int>(zero);
}

// Bytes that sort as the numbers do: negative ones are stored inverted, others with the first bit.
std::uint64_t unsorted(std::uint64_t stored, unsigned bits) noexcept {
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  const std::uint64_t all = sign | (sign - 1);
  return (stored & sign) != 0 ? stored ^ sign : ~stored & all;
}

}  // namespace

void decode_number(ByteView stored, Value& into) {
  if (stored.empty() || stored.size() > number_bytes_max) refuse("number", stored);
  const unsigned head = at(stored, 0);
  if (stored.size() == 1) {
    if (head == 0x80) return set(into, ValueKind::number, "0");
    if (head == 0x00) return set(into, ValueKind::other, "-inf");
    refuse("number", stored);
  }
  if (head == 0xff && stored.size() == 2 && at(stored, 1) == 0x65)
    return set(into, ValueKind::other, "inf");
  const bool is_negative = head < 0x80;
  ByteView rest = stored.subspan(1);
  // The mark behind a negative number's digits, that it sorts below those that begin like it.
  if (is_negative && at(rest, rest.size() - 1) == 0x66) rest = rest.first(rest.size() - 1);
  std::array<unsigned, number_bytes_max> digits;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    digits[i] = is_negative ? 101 - at(rest, i) : at(rest, i) - 1;  // wraps where it is none
    if (digits[i] > 99) refuse("number", stored);
  }
  if (rest.empty() || digits[0] == 0) refuse("number", stored);
  const int power = static_cast<int>(is_negative ? 255 - head : head) - 0xc1;
  set_decimal(into, is_negative, power, digits.data(), static_cast<int>(rest.size()));
}

void decode_date(ByteView stored, Value& into) {
  if (stored.size() != date_bytes) refuse("date", stored);
  set_moment(into, ValueKind::timestamp, read_calendar("date", stored));
}

void decode_timestamp(ByteView stored, Value& into) {
  if (stored.size() != date_bytes && stored.size() != timestamp_bytes) refuse("timestamp", stored);
  set_moment(into, ValueKind::timestamp, read_calendar("timestamp", stored));
}

void decode_instant(ByteView stored, Value& into) {
  if (stored.size() != date_bytes && stored.size() != timestamp_bytes &&
      stored.size() != zoned_bytes)
    refuse("timestamp with time zone", stored);
  set_moment(into, ValueKind::instant, read_calendar("timestamp with time zone", stored));
}

void decode_local_instant(ByteView stored, int zone_minutes, Value& into) {
  if (stored.size() != date_bytes && stored.size() != timestamp_bytes)
    refuse("timestamp with local time zone", stored);
  Calendar when = read_calendar("timestamp with local time zone", stored);
  if (zone_minutes == 0 || is_julian_leap_day(when)) return decode_instant(stored, into);
  using namespace std::chrono;
  const sys_days day =
      year_month_day(year(when.astronomical_year()), month(when.month), std::chrono::day(when.day));
  const auto utc = day + hours(when.hour) + minutes(when.minute) - minutes(zone_minutes);
  const auto utc_day = floor<days>(utc);
  const year_month_day date(utc_day);
  const auto astronomical = static_cast<int>(date.year());
  when.year = astronomical <= 0 ? astronomical - 1 : astronomical;
  when.month = static_cast<unsigned>(date.month());
  when.day = static_cast<unsigned>(date.day());
  const auto minute_of_day = static_cast<unsigned>(duration_cast<minutes>(utc - utc_day).count());
  when.hour = minute_of_day / 60;
  when.minute = minute_of_day % 60;
  set_moment(into, ValueKind::instant, when);
}

void decode_binary_float(ByteView stored, Value& into) {
  if (stored.size() != 4) refuse("binary float", stored);
  const auto bits = static_cast<std::uint32_t>(unsorted(load_be32(stored.data()), 32));
  into = Value::of_real(static_cast<double>(std::bit_cast<float>(bits)));
}

void decode_binary_double(ByteView stored, Value& into) {
  if (stored.size() != 8) refuse("binary double", stored);
  into = Value::of_real(std::bit_cast<double>(unsorted(load_be64(stored.data()), 64)));
}

void decode_interval_ym(ByteView stored, Value& into) {
  if (stored.size() != 5) refuse("interval year to month", stored);
  const std::int64_t years = std::int64_t{load_be32(stored.data())} - excess_32;
  const int months = excess(at(stored, 4), 60);
  const bool is_negative = years < 0 || months < 0;
  if (std::abs(years) > 999'999'999 || std::abs(months) > 11 ||
      (is_negative && (years > 0 || months > 0)))
    refuse("interval year to month", stored);
  set(into, ValueKind::other,
      fmt::format("{}{:02}-{:02}", is_negative ? '-' : '+', std::abs(years), std::abs(months)));
}

void decode_interval_ds(ByteView stored, Value& into) {
  if (stored.size() != 11) refuse("interval day to second", stored);
  const std::int64_t days = std::int64_t{load_be32(stored.data())} - excess_32;
  const int hours = excess(at(stored, 4), 60);
  const int minutes = excess(at(stored, 5), 60);
  const int seconds = excess(at(stored, 6), 60);
  const std::int64_t nanoseconds = std::int64_t{load_be32(stored.data() + 7)} - excess_32;
  const bool is_negative = days < 0 || hours < 0 || minutes < 0 || seconds < 0 || nanoseconds < 0;
  const bool is_positive = days > 0 || hours > 0 || minutes > 0 || seconds > 0 || nanoseconds > 0;
  if (std::abs(days) > 999'999'999 || std::abs(hours) > 23 || std::abs(minutes) > 59 ||
      std::abs(seconds) > 59 || std::abs(nanoseconds) >= nanoseconds_per_second ||
      (is_negative && is_positive))
    refuse("interval day to second", stored);
  set(into, ValueKind::other,
      fmt::format("{}{:02} {:02}:{:02}:{:02}.{:09}", is_negative ? '-' : '+', std::abs(days),
                  std::abs(hours), std::abs(minutes), std::abs(seconds), std::abs(nanoseconds)));
}

}  // namespace holdfast::engine::oracle

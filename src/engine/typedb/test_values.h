// SPDX-License-Identifier: Apache-2.0
// Values of attributes as TypeQL writes them, so that tests can say which they mean.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "base/timestamp.h"
#include "engine/typedb/item.h"

namespace holdfast::engine::typedb {

inline constexpr std::uint64_t fractions_per_unit = 10'000'000'000'000'000'000U;
inline constexpr std::int64_t days_to_1970 =
    719'163;  // 1970-01-01 is that day, 0001-01-01 the first
inline constexpr std::int64_t seconds_per_day = 86'400;
// Of years 0..9999, whatever the zone.
inline constexpr std::int64_t seconds_min = -62'167'219'200, seconds_max = 253'402'300'799;

// "12:30:01.5" at the end of what a calendar says.
inline std::string with_fraction(std::string text, std::uint64_t fraction, unsigned digits) {
  if (fraction == 0) return text;
  std::string shown = fmt::format("{:0{}}", fraction, digits);
  shown.erase(shown.find_last_not_of('0') + 1);
  return text + "." + shown;
}

inline std::string display_moment(std::int64_t seconds, std::uint32_t nanoseconds) {
  if (seconds < seconds_min || seconds > seconds_max)
    return with_fraction(fmt::format("{}s", seconds), nanoseconds, 9);
  const CalendarTime at = calendar({seconds, 0, 0});
  return with_fraction(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", at.year, at.month, at.day,
                                   at.hour, at.minute, at.second),
                       nanoseconds, 9);
}

inline std::string display_millis(std::int64_t millis) {
  std::int64_t seconds = millis / 1000;
  std::int64_t rest = millis % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  return display_moment(seconds, static_cast<std::uint32_t>(rest) * 1'000'000U);
}

inline std::string display_date(std::int64_t day) {
  const std::int64_t seconds = (day - days_to_1970) * seconds_per_day;
  if (seconds < seconds_min || seconds > seconds_max) return fmt::format("day {}", day);
  return display_moment(seconds, 0).substr(0, 10);
}

inline std::string display_zoned(const Value& value) {
  const bool named = !value.text.empty();
  // A moment in a named zone is shown in UTC: what the zone makes of it is not in the file.
  const std::int64_t shift = named ? 0 : value.offset_seconds;
  const bool fits = value.number >= seconds_min && value.number <= seconds_max;
  const std::string moment =
      display_moment(fits ? value.number + shift : value.number, value.nanoseconds);
  if (named) return fmt::format("{}Z {}", moment, value.text);
  const std::int64_t minutes = (shift < 0 ? -shift : shift) / 60;
  return fmt::format("{}{}{:02}:{:02}", moment, shift < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

inline std::string display_decimal(const Value& value) {
  // The fraction counts up from the whole part: -1.5 is -2 and a half.
  if (value.number >= 0 || value.fraction == 0)
    return with_fraction(fmt::format("{}", value.number), value.fraction, 19) + "dec";
  return "-" +
         with_fraction(fmt::format("{}", -(value.number + 1)), fractions_per_unit - value.fraction,
                       19) +
         "dec";
}

inline std::string display_duration(const Value& value) {
  constexpr std::uint64_t per_second = 1'000'000'000U;
  return fmt::format("P{}M{}DT{}S", value.months, value.days,
                     with_fraction(fmt::format("{}", value.fraction / per_second),
                                   value.fraction % per_second, 9));
}

// Dates as ISO 8601, strings as they are; days and seconds beyond what a calendar has are numbers.
inline std::string display(const Value& value) {
  switch (value.type) {
    case ValueType::none:
    case ValueType::unknown:
      return {};
    case ValueType::string:
      return std::string(value.text);
    case ValueType::boolean:
      return value.boolean ? "true" : "false";
    case ValueType::integer:
      return fmt::format("{}", value.number);
    case ValueType::real:
      return fmt::format("{}", value.real);
    case ValueType::datetime_millis:
      return display_millis(value.number);
    case ValueType::decimal:
      return display_decimal(value);
    case ValueType::date:
      return display_date(value.number);
    case ValueType::datetime:
      return display_moment(value.number, value.nanoseconds);
    case ValueType::datetime_tz:
      return display_zoned(value);
    case ValueType::duration:
      return display_duration(value);
    case ValueType::structure:
      return fmt::format("struct {}", value.text);
  }
  return {};
}

}  // namespace holdfast::engine::typedb

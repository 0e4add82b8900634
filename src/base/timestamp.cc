// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>

#include "base/error.h"

namespace holdfast {

namespace {

constexpr std::int64_t day_seconds = 86400;

std::int64_t floor_div(std::int64_t value, std::int64_t by) noexcept {
  return value / by - (value % by < 0 ? 1 : 0);
}

bool is_leap(std::int64_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int days_in(std::int64_t year, int month) noexcept {
  constexpr std::array<int, 12> lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : lengths[static_cast<std::size_t>(month - 1)];
}

struct Date {
  std::int64_t year;
  int month, day;
};

// The calendar repeats every 400 years. Years here begin in March, so that the leap day is the last
// of its year and months follow the pattern 31 30 31 30 31 in groups of 153 days.
constexpr std::int64_t era_days = 146097;
constexpr std::int64_t march_of_year_0 = -719468;  // days from 1970-01-01 to 0000-03-01

std::int64_t days_from(const Date& date) noexcept {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = floor_div(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const int month_from_march = (date.month + 9) % 12;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  return era * era_days + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year +
         march_of_year_0;
}

Date date_of(std::int64_t days) noexcept {
  days -= march_of_year_0;
  const std::int64_t era = floor_div(days, era_days);
  const std::int64_t day_of_era = days - era * era_days;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  const int month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day};
}

// RFC 3339 knows offsets in whole minutes only. An odd one (local mean time of the 19th century) is
// cut before the reading is taken, so that reading and offset together still name the same moment.
std::int32_t whole_minutes(std::int32_t utc_offset_seconds) noexcept {
  return utc_offset_seconds / 60 * 60;
}

struct Reading {
  std::int64_t days;  // since 1970-01-01 in the moment's own offset
  std::int32_t second_of_day;
};

Reading read_clock(const Timestamp& moment) noexcept {
  constexpr std::int64_t furthest_seconds = 60'000'000'000'000'000;
  const std::int64_t seconds = std::clamp(moment.seconds, -furthest_seconds, furthest_seconds) +
                               whole_minutes(moment.utc_offset_seconds);
  const std::int64_t days = floor_div(seconds, day_seconds);
  return {days, static_cast<std::int32_t>(seconds - days * day_seconds)};
}

// The offset of the host's zone at `seconds`, from the system.
std::int32_t ask_utc_offset(std::int64_t seconds) {
  const time_t at = seconds;
  struct tm local {};
  if (::localtime_r(&at, &local) == nullptr)
    return 0;  // a year beyond int: no zone has a say there
  return static_cast<std::int32_t>(local.tm_gmtoff);
}

// The offsets of whole UTC days, each verified at both ends of the day. No zone has ever left an
// offset and come back to it within a day (the shortest in tzdata is four days, Freetown 1939), so
// that equal ends mean an equal day; other days are asked for again each time.
class OffsetMemory {
 public:
  OffsetMemory() {
    // Once per process: it writes what other threads may be reading.
    static std::once_flag zone_is_read;
    std::call_once(zone_is_read, [] { ::tzset(); });
  }

  std::int32_t at(std::int64_t seconds) {
    const std::int64_t day = floor_div(seconds, day_seconds);
    Entry& entry = entries_[static_cast<std::uint64_t>(day) % entries_.size()];
    if (entry.day == day) return entry.utc_offset_seconds;
    const std::int64_t first = day * day_seconds;
    const std::int32_t offset = ask_utc_offset(first);
    if (offset != ask_utc_offset(first + day_seconds - 1)) return ask_utc_offset(seconds);
    entry = {day, offset};
    return offset;
  }

 private:
  struct Entry {
    std::int64_t day = std::numeric_limits<std::int64_t>::max();
    std::int32_t utc_offset_seconds = 0;
  };
  std::array<Entry, 256> entries_;
};

// Writes digits into a buffer that is large enough by construction.
class DigitWriter {
 public:
  explicit DigitWriter(char* at) noexcept : at_(at) {}

  void put(char character) noexcept { *at_++ = character; }
  void put_two(int value) noexcept {
    put(static_cast<char>('0' + value / 10));
    put(static_cast<char>('0' + value % 10));
  }
  void put_date(std::int64_t year, int month, int day) noexcept {
    put_two(static_cast<int>(year / 100));
    put_two(static_cast<int>(year % 100));
    put('-');
    put_two(month);
    put('-');
    put_two(day);
  }
  void put_time(std::int32_t second_of_day) noexcept {
    put_two(second_of_day / 3600);
    put(':');
    put_two(second_of_day / 60 % 60);
    put(':');
    put_two(second_of_day % 60);
  }
  void put_fraction(std::int32_t nanoseconds) noexcept {
    if (nanoseconds == 0) return;
    put('.');
    for (std::int32_t unit = 100'000'000; nanoseconds != 0; unit /= 10) {
      put(static_cast<char>('0' + nanoseconds / unit));
      nanoseconds %= unit;
    }
  }
  void put_offset(std::int32_t utc_offset_seconds) noexcept {
    if (utc_offset_seconds == 0) return put('Z');
    put(utc_offset_seconds < 0 ? '-' : '+');
    const int minutes = std::min(std::abs(utc_offset_seconds / 60), 99 * 60 + 59);
    put_two(minutes / 60);
    put(':');
    put_two(minutes % 60);
  }
  [[nodiscard]] char* end() const noexcept { return at_; }

 private:
  char* at_;
};

// Reads the fixed parts of an RFC 3339 text from left to right; any misfit is remembered.
class DigitReader {
 public:
  explicit DigitReader(std::string_view text) noexcept : rest_(text) {}

  // A number of exactly `digits` digits within a range.
  int number(std::size_t digits, int least, int greatest) noexcept {
    if (rest_.size() < digits) return fail();
    int value = 0;
    for (const char digit : rest_.substr(0, digits)) {
      if (digit < '0' || digit > '9') return fail();
      value = value * 10 + (digit - '0');
    }
    rest_.remove_prefix(digits);
    return value < least || value > greatest ? fail() : value;
  }
  void expect(char character) noexcept {
    if (!skip(character)) fail();
  }
  bool skip(char character) noexcept {
    if (!rest_.starts_with(character)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::int32_t nanoseconds() noexcept {
    std::int32_t value = 0;
    std::int32_t unit = 100'000'000;
    std::size_t count = 0;
    while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
      value += (rest_[count] - '0') * unit;
      unit /= 10;
      ++count;
    }
    if (count == 0) fail();
    rest_.remove_prefix(count);
    return value;
  }
  [[nodiscard]] bool fits_to_the_end() const noexcept { return fits_ && rest_.empty(); }

 private:
  int fail() noexcept {
    fits_ = false;
    return 0;
  }

  std::string_view rest_;
  bool fits_ = true;
};

class SystemClock final : public Clock {
 public:
  Timestamp now() override {
    struct timespec time {};
    static_cast<void>(::clock_gettime(CLOCK_REALTIME, &time));  // cannot fail with this clock
    return local_timestamp(time.tv_sec, static_cast<std::int32_t>(time.tv_nsec));
  }
  std::chrono::steady_clock::time_point steady() override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace

Timestamp local_timestamp(std::int64_t seconds, std::int32_t nanoseconds) {
  thread_local OffsetMemory memory;
  // Outside these years localtime_r may not answer, and RFC 3339 has no text anyway.
  constexpr std::int64_t year_0 = -62167305600;
  constexpr std::int64_t year_10000 = 253402387200;
  const bool has_zone = seconds >= year_0 && seconds < year_10000;
  return {seconds, nanoseconds, has_zone ? whole_minutes(memory.at(seconds)) : 0};
}

CalendarTime calendar(const Timestamp& moment) noexcept {
  const Reading reading = read_clock(moment);
  const Date date = date_of(reading.days);
  // The week belongs to the year of its Thursday; day 0 of 1970 was a Thursday.
  const std::int64_t day_of_week = reading.days + 3 - floor_div(reading.days + 3, 7) * 7;
  const std::int64_t thursday = reading.days - day_of_week + 3;
  const std::int64_t iso_year = date_of(thursday).year;
  const std::int64_t iso_week = (thursday - days_from({iso_year, 1, 1})) / 7 + 1;
  return {static_cast<int>(date.year),
          date.month,
          date.day,
          reading.second_of_day / 3600,
          reading.second_of_day / 60 % 60,
          reading.second_of_day % 60,
          static_cast<int>(iso_year),
          static_cast<int>(iso_week)};
}

Timestamp from_calendar(int year, int month, int day, int hour, int minute, int second,
                        std::int32_t utc_offset_seconds) noexcept {
  const std::int64_t months = std::int64_t{month} - 1;
  const std::int64_t carried_years = floor_div(months, 12);
  const int month_in_year = static_cast<int>(months - carried_years * 12) + 1;
  const std::int64_t days =
      days_from({year + carried_years, month_in_year, 1}) + (std::int64_t{day} - 1);
  const std::int64_t seconds = days * day_seconds + std::int64_t{hour} * 3600 +
                               std::int64_t{minute} * 60 + second - utc_offset_seconds;
  return {seconds, 0, utc_offset_seconds};
}

std::string to_rfc3339(const Timestamp& moment) {
  std::string text;
  append_rfc3339(text, moment);
  return text;
}

void append_rfc3339(std::string& to, const Timestamp& moment) {
  const Reading reading = read_clock(moment);
  Date date = date_of(reading.days);
  date.year = std::clamp<std::int64_t>(date.year, 0, 9999);
  if (date.day > days_in(date.year, date.month)) date = {date.year, 3, 1};  // was 29 February
  std::array<char, 48> buffer;
  DigitWriter writer(buffer.data());
  writer.put_date(date.year, date.month, date.day);
  writer.put('T');
  writer.put_time(reading.second_of_day);
  writer.put_fraction(std::clamp(moment.nanoseconds, 0, 999'999'999));
  writer.put_offset(moment.utc_offset_seconds / 60 * 60);
  to.append(buffer.data(), writer.end());
}

Timestamp parse_rfc3339(std::string_view text) {
  DigitReader reader(text);
  const int year = reader.number(4, 0, 9999);
  reader.expect('-');
  const int month = reader.number(2, 1, 12);
  reader.expect('-');
  const int day = reader.number(2, 1, 31);
  reader.expect('T');
  const int hour = reader.number(2, 0, 23);
  reader.expect(':');
  const int minute = reader.number(2, 0, 59);
  reader.expect(':');
  const int second = reader.number(2, 0, 59);
  const std::int32_t nanoseconds = reader.skip('.') ? reader.nanoseconds() : 0;
  std::int32_t utc_offset_seconds = 0;
  if (!reader.skip('Z')) {
    const int sign = reader.skip('-') ? -1 : 1;
    if (sign > 0) reader.expect('+');
    const int offset_hours = reader.number(2, 0, 23);
    reader.expect(':');
    utc_offset_seconds = sign * (offset_hours * 3600 + reader.number(2, 0, 59) * 60);
  }
  if (!reader.fits_to_the_end() || day > days_in(year, month)) {
    constexpr std::size_t shown_bytes_max = 64;
    throw Error(Errc::corrupt, fmt::format("\"{}\" is not a time as in RFC 3339",
                                           text.substr(0, shown_bytes_max)));
  }
  Timestamp moment = from_calendar(year, month, day, hour, minute, second, utc_offset_seconds);
  moment.nanoseconds = nanoseconds;
  return moment;
}

std::string to_display(const Timestamp& moment) {
  const CalendarTime time = calendar(moment);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", time.year, time.month, time.day,
                     time.hour, time.minute, time.second);
}

Clock& system_clock() noexcept {
  static SystemClock clock;
  return clock;
}

}  // namespace holdfast

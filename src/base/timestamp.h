// SPDX-License-Identifier: Apache-2.0
// A moment with nanoseconds and the UTC offset it is shown in: restic's times keep their offset,
// and retention counts days in it.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

struct Timestamp {
  std::int64_t seconds = 0;             // since 1970-01-01T00:00:00Z; may be negative
  std::int32_t nanoseconds = 0;         // 0..999,999,999, added to seconds
  std::int32_t utc_offset_seconds = 0;  // east is positive; whole minutes

  // Moments are equal and ordered by instant; the offset they are shown in does not matter.
  friend bool operator==(const Timestamp& a, const Timestamp& b) noexcept {
    return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
  }
  friend auto operator<=>(const Timestamp& a, const Timestamp& b) noexcept {
    if (auto order = a.seconds <=> b.seconds; order != 0) return order;
    return a.nanoseconds <=> b.nanoseconds;
  }
};

// A calendar reading of a moment in its own offset. Weeks are ISO 8601: Monday first.
struct CalendarTime {
  int year, month, day, hour, minute, second;  // month and day from 1
  int iso_year, iso_week;
};

// The moment in the host's zone, with the offset that held there at that very moment. Cheap enough
// to be called for every file: a thread remembers the offsets it has asked for. The zone is read
// once per process; a later change of TZ is not noticed.
[[nodiscard]] Timestamp local_timestamp(std::int64_t seconds, std::int32_t nanoseconds);
// Moments further than two thousand million years from now are read as that far.
[[nodiscard]] CalendarTime calendar(const Timestamp& moment) noexcept;
// The moment a calendar in that offset shows. Months and the smaller units may lie outside their
// range and then carry over, as in Go's time.Date: month 0 is December of the year before.
[[nodiscard]] Timestamp from_calendar(int year, int month, int day, int hour, int minute,
                                      int second, std::int32_t utc_offset_seconds) noexcept;

// RFC 3339 as Go prints it: up to nine fractional digits without trailing zeros, `Z` for offset 0;
// years are clamped to 0..9999 as restic does, keeping the rest of the date.
[[nodiscard]] std::string to_rfc3339(const Timestamp& moment);
void append_rfc3339(std::string& to, const Timestamp& moment);
// Reads RFC 3339 as strictly as Go does: `T` and `Z` in upper case, no leap second, digits of the
// fraction beyond the ninth are cut off. Errc::corrupt naming the text for anything else.
[[nodiscard]] Timestamp parse_rfc3339(std::string_view text);
// "2026-11-20 10:56:01" in the moment's own offset, for people.
[[nodiscard]] std::string to_display(const Timestamp& moment);

// The seam for time. Injected, so that tests need not wait.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() = 0;  // wall clock, host's zone
  [[nodiscard]] virtual std::chrono::steady_clock::time_point steady() = 0;
};
[[nodiscard]] Clock& system_clock() noexcept;

}  // namespace holdfast

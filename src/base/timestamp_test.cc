// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <gtest/gtest.h>
#include <time.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>

#include "base/error.h"

namespace holdfast {
namespace {

constexpr std::int32_t hour = 3600;

// Runs `body` on a thread of its own in another zone: threads remember offsets.
void in_zone(const char* zone, const std::function<void()>& body) {
  const char* before = std::getenv("TZ");
  const std::optional<std::string> old =
      before == nullptr ? std::nullopt : std::optional<std::string>(before);
  ::setenv("TZ", zone, 1);
  ::tzset();
  std::thread(body).join();
  if (old) {
    ::setenv("TZ", old->c_str(), 1);
  } else {
    ::unsetenv("TZ");
  }
  ::tzset();
}

bool is_refused(std::string_view text) {
  try {
    static_cast<void>(parse_rfc3339(text));
  } catch (const Error& error) {
    return error.code() == Errc::corrupt;
  }
  return false;
}

TEST(Timestamp, ReadsTheZoneOnceForAllThreads) {
  in_zone("EST5", [] {
    EXPECT_EQ(local_timestamp(0, 0).utc_offset_seconds, -5 * hour);
    ::setenv("TZ", "JST-9", 1);
    std::thread([] {
      EXPECT_EQ(local_timestamp(0, 0).utc_offset_seconds, -5 * hour) << "a thread read it again";
    }).join();
  });
}

TEST(Timestamp, PrintsRfc3339AsGoDoes) {
  EXPECT_EQ(to_rfc3339({0, 0, 0}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339({1, 500'000'000, 0}), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(to_rfc3339({0, 123'456'000, hour}), "1970-01-01T01:00:00.123456+01:00");
  EXPECT_EQ(to_rfc3339({0, 1, 0}), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(to_rfc3339({0, 999'999'999, 0}), "1970-01-01T00:00:00.999999999Z");
  EXPECT_EQ(to_rfc3339({0, 10, 0}), "1970-01-01T00:00:00.00000001Z");
  EXPECT_EQ(to_rfc3339({1'795'172'161, 0, -(3 * hour + 1800)}), "2026-11-20T07:26:01-03:30");
  EXPECT_EQ(to_rfc3339({951'782'400, 0, 0}), "2000-02-29T00:00:00Z");
}

TEST(Timestamp, PrintsMomentsBefore1970) {
  EXPECT_EQ(to_rfc3339({-1, 500'000'000, 0}), "1969-12-31T23:59:59.5Z");
  EXPECT_EQ(to_rfc3339({-86401, 0, 0}), "1969-12-30T23:59:59Z");
  EXPECT_EQ(to_rfc3339({-11'644'473'600, 0, 0}), "1601-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339({-62'135'596'800, 0, 0}), "0001-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339({-1, 0, 2 * hour}), "1970-01-01T01:59:59+02:00");
}

TEST(Timestamp, ClampsTheYear) {
  EXPECT_EQ(to_rfc3339({253'402'300'799, 0, 0}), "9999-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339({253'402'300'800, 0, 0}), "9999-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(from_calendar(12000, 2, 29, 1, 2, 3, 0)), "9999-03-01T01:02:03Z");
  EXPECT_EQ(to_rfc3339(from_calendar(-5, 6, 7, 8, 9, 10, 0)), "0000-06-07T08:09:10Z");
  EXPECT_EQ(to_rfc3339({-62'167'219'201, 0, 0}), "0000-12-31T23:59:59Z");
  EXPECT_EQ(to_rfc3339({INT64_MAX, 0, 0}).substr(0, 5), "9999-");
  EXPECT_EQ(to_rfc3339({INT64_MIN, 0, 0}).substr(0, 5), "0000-");
}

TEST(Timestamp, CutsOddOffsetsToWholeMinutesWithoutMovingTheMoment) {
  const Timestamp moment{-2'500'000'000, 0, 3208};
  EXPECT_EQ(parse_rfc3339(to_rfc3339(moment)), moment);
}

TEST(Timestamp, ReadsWhatItPrints) {
  for (const Timestamp& moment :
       {Timestamp{0, 0, 0}, Timestamp{1'795'172'161, 123'456'789, 5 * hour + 1800},
        Timestamp{-1, 1, -hour}, Timestamp{-62'135'596'800, 0, 0}}) {
    const Timestamp read = parse_rfc3339(to_rfc3339(moment));
    EXPECT_EQ(read, moment);
    EXPECT_EQ(read.utc_offset_seconds, moment.utc_offset_seconds);
  }
}

TEST(Timestamp, ReadsOtherFormsOfTheSameMoment) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00-00:00").seconds, 0);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.500Z").nanoseconds, 500'000'000);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.1234567899999Z").nanoseconds, 123'456'789);
  EXPECT_EQ(parse_rfc3339("1970-01-01T01:00:00+01:00"), parse_rfc3339("1970-01-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z").seconds, 1'709'164'800);
}

TEST(Timestamp, RefusesWhatIsNotRfc3339) {
  for (const char* bad : {"",
                          "1970-01-01",
                          "1970-01-01T00:00:00",
                          "1970-01-01t00:00:00Z",
                          "1970-01-01T00:00:00z",
                          "1970-01-01 00:00:00Z",
                          "1970-13-01T00:00:00Z",
                          "1970-00-01T00:00:00Z",
                          "1970-01-00T00:00:00Z",
                          "1970-01-32T00:00:00Z",
                          "2023-02-29T00:00:00Z",
                          "1900-02-29T00:00:00Z",
                          "1970-04-31T00:00:00Z",
                          "1970-01-01T24:00:00Z",
                          "1970-01-01T00:60:00Z",
                          "1970-01-01T00:00:60Z",
                          "1970-01-01T00:00:00.Z",
                          "1970-01-01T00:00:00,5Z",
                          "1970-01-01T00:00:00+1:00",
                          "1970-01-01T00:00:00+24:00",
                          "1970-01-01T00:00:00+01:60",
                          "1970-01-01T00:00:00+0100",
                          "1970-01-01T00:00:00ZZ",
                          " 1970-01-01T00:00:00Z",
                          "1970-01-01T0:00:00Z",
                          "+970-01-01T00:00:00Z",
                          "10000-01-01T00:00:00Z",
                          "1970-01-01T00:00:00.5"}) {
    EXPECT_TRUE(is_refused(bad)) << bad;
  }
}

TEST(Timestamp, ComparesByInstantOnly) {
  const Timestamp here{100, 5, 0};
  EXPECT_EQ(here, (Timestamp{100, 5, hour}));
  EXPECT_LT(here, (Timestamp{100, 6, 0}));
  EXPECT_LT((Timestamp{-1, 999, 0}), (Timestamp{0, 0, 0}));
}

TEST(Calendar, ReadsInTheMomentsOwnOffset) {
  const CalendarTime time = calendar({1'795'172'161, 0, hour});
  EXPECT_EQ(time.year, 2026);
  EXPECT_EQ(time.month, 11);
  EXPECT_EQ(time.day, 20);
  EXPECT_EQ(time.hour, 11);
  EXPECT_EQ(time.minute, 56);
  EXPECT_EQ(time.second, 1);
  EXPECT_EQ(to_display({1'795'172'161, 0, hour}), "2026-11-20 11:56:01");
}

TEST(Calendar, CountsIsoWeeks) {
  struct Vector {
    int year, month, day, iso_year, iso_week;
  };
  for (const Vector& vector :
       {Vector{2021, 1, 3, 2020, 53}, Vector{2021, 1, 4, 2021, 1}, Vector{2018, 12, 31, 2019, 1},
        Vector{2024, 12, 29, 2024, 52}, Vector{2024, 12, 30, 2025, 1},
        Vector{2026, 11, 20, 2026, 47}, Vector{1969, 12, 28, 1969, 52},
        Vector{1969, 12, 29, 1970, 1}, Vector{2000, 1, 1, 1999, 52}}) {
    const CalendarTime time =
        calendar(from_calendar(vector.year, vector.month, vector.day, 12, 0, 0, 0));
    EXPECT_EQ(time.iso_year, vector.iso_year) << vector.year << '-' << vector.month;
    EXPECT_EQ(time.iso_week, vector.iso_week) << vector.year << '-' << vector.month;
  }
}

TEST(Calendar, EveryDayOfFourCenturiesSurvivesTheWayThereAndBack) {
  for (std::int64_t day = -80'000; day < 80'000; day += 1) {
    const Timestamp moment{day * 86400 + 45296, 0, 0};
    const CalendarTime time = calendar(moment);
    ASSERT_EQ(
        from_calendar(time.year, time.month, time.day, time.hour, time.minute, time.second, 0),
        moment);
  }
}

TEST(Calendar, CarriesOverAsGosDateDoes) {
  EXPECT_EQ(from_calendar(2026, 0, 1, 0, 0, 0, 0), from_calendar(2025, 12, 1, 0, 0, 0, 0));
  EXPECT_EQ(from_calendar(2026, -11, 1, 0, 0, 0, 0), from_calendar(2025, 1, 1, 0, 0, 0, 0));
  EXPECT_EQ(from_calendar(2026, 14, 31, 0, 0, 0, 0), from_calendar(2027, 3, 3, 0, 0, 0, 0));
  EXPECT_EQ(from_calendar(2026, 3, 0, 25, 0, 0, 0), from_calendar(2026, 3, 1, 1, 0, 0, 0));
}

TEST(LocalTimestamp, UsesTheOffsetOfThatMoment) {
  in_zone("Europe/Berlin", [] {
    EXPECT_EQ(to_rfc3339(local_timestamp(1'768'000'000, 0)), "2026-01-10T00:06:40+01:00");
    EXPECT_EQ(to_rfc3339(local_timestamp(1'784'000'000, 0)), "2026-07-14T05:33:20+02:00");
    // The clock changes in the middle of a UTC day, asked for in both orders.
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(to_rfc3339(local_timestamp(1'774'745'999, 0)), "2026-03-29T01:59:59+01:00");
      EXPECT_EQ(to_rfc3339(local_timestamp(1'774'746'000, 0)), "2026-03-29T03:00:00+02:00");
      EXPECT_EQ(to_rfc3339(local_timestamp(1'774'745'999, 0)), "2026-03-29T01:59:59+01:00");
    }
  });
}

TEST(LocalTimestamp, AgreesWithTheSystemHourByHour) {
  for (const char* zone : {"Europe/Berlin", "America/St_Johns", "Africa/Casablanca",
                           "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll"}) {
    in_zone(zone, [zone] {
      for (std::int64_t at = 1'262'304'000; at < 1'420'070'400; at += 3571) {
        const time_t moment = at;
        struct tm local {};
        ::localtime_r(&moment, &local);
        ASSERT_EQ(local_timestamp(at, 0).utc_offset_seconds, local.tm_gmtoff) << zone << ' ' << at;
      }
    });
  }
}

TEST(LocalTimestamp, SurvivesMomentsThatNoCalendarKnows) {
  in_zone("Europe/Berlin", [] {
    EXPECT_EQ(local_timestamp(INT64_MAX, 1).seconds, INT64_MAX);
    EXPECT_EQ(local_timestamp(INT64_MIN, 1).utc_offset_seconds, 0);
    EXPECT_EQ(local_timestamp(-2'500'000'000, 0).utc_offset_seconds % 60, 0);
  });
}

TEST(SystemClock, GoesForward) {
  Clock& clock = system_clock();
  const auto steady = clock.steady();
  EXPECT_GT(clock.now().seconds, 1'600'000'000);
  EXPECT_GE(clock.steady(), steady);
}

}  // namespace
}  // namespace holdfast

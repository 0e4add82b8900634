// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(FormatBytes, HasThreeDecimalsFromKibibytesOn) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(1023), "1023 B");
  EXPECT_EQ(format_bytes(1024), "1.000 KiB");
  EXPECT_EQ(format_bytes(1536), "1.500 KiB");
  EXPECT_EQ(format_bytes(1'048'575), "1023.999 KiB");
  EXPECT_EQ(format_bytes(1'324'997'411), "1.234 GiB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "16777216.000 TiB");
}

TEST(FormatDuration, ShowsHoursOnlyIfThereAreAny) {
  EXPECT_EQ(format_duration(seconds(0)), "0:00");
  EXPECT_EQ(format_duration(seconds(123)), "2:03");
  EXPECT_EQ(format_duration(seconds(3599)), "59:59");
  EXPECT_EQ(format_duration(seconds(3723)), "1:02:03");
  EXPECT_EQ(format_duration(seconds(360'000)), "100:00:00");
  EXPECT_EQ(format_duration(seconds(-5)), "0:00");
}

TEST(ParseSize, ReadsPowersOf1024) {
  EXPECT_EQ(parse_size_bytes("0"), 0U);
  EXPECT_EQ(parse_size_bytes("512"), 512U);
  EXPECT_EQ(parse_size_bytes("512B"), 512U);
  EXPECT_EQ(parse_size_bytes("10K"), 10240U);
  EXPECT_EQ(parse_size_bytes("10k"), 10240U);
  EXPECT_EQ(parse_size_bytes("10KiB"), 10240U);
  EXPECT_EQ(parse_size_bytes("5Mb"), 5U << 20U);
  EXPECT_EQ(parse_size_bytes("1gi"), 1U << 30U);
  EXPECT_EQ(parse_size_bytes("2T"), std::uint64_t{2} << 40U);
  EXPECT_EQ(parse_size_bytes("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_size_bytes("16777215T"), std::uint64_t{16777215} << 40U);
}

TEST(ParseSize, RefusesEverythingElseAsUsage) {
  for (const char* bad : {"", "K", "-1", "+1", " 1", "1 ", "1.5G", "1X", "1iB", "1KK", "1KiBs",
                          "1BB", "18446744073709551616", "16777216T", "99999999999999999999"}) {
    try {
      static_cast<void>(parse_size_bytes(bad));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage) << bad;
    }
  }
}

TEST(ParseDuration, ReadsAsGoDoes) {
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("90s"), seconds(90));
  EXPECT_EQ(parse_duration("5m"), seconds(300));
  EXPECT_EQ(parse_duration("2h30m"), seconds(9000));
  EXPECT_EQ(parse_duration("1.5h"), seconds(5400));
  EXPECT_EQ(parse_duration(".5s"), milliseconds(500));
  EXPECT_EQ(parse_duration("1.s"), seconds(1));
  EXPECT_EQ(parse_duration("+250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("1h1m1s1ms"), milliseconds(3'661'001));
  EXPECT_EQ(parse_duration("1500us"), milliseconds(2));
  EXPECT_EQ(parse_duration("1000\xc2\xb5s"), milliseconds(1));
  EXPECT_EQ(parse_duration("1ns"), milliseconds(1));
}

TEST(ParseDuration, RefusesEverythingElseAsUsage) {
  for (const char* bad : {"", "5", "s", ".", ".s", "1..5s", "-1s", "1 s", "1d", "1s ", "1e3s",
                          "1s2", "+", "infs", "nans", "9999999h", "0x1s", "1M"}) {
    try {
      static_cast<void>(parse_duration(bad));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage) << bad;
    }
  }
}

}  // namespace
}  // namespace holdfast

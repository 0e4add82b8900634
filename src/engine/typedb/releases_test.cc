// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/releases.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

// Rows: where it comes from; columns: where it goes; both in the order of release_ranges. C
// compatible, U upgrade needed, - impossible.
// What the formats say, told independently of the code: encodings by the release that first wrote
// them, and which servers read them.
constexpr std::array<std::string_view, 8> copies{
    // to: 2.0 2.3 2.6 2.8 2.19 3.0 3.4 3.11
    "CC------",  // 2.0.0
    "CC------",  // 2.3.0
    "UUC-----",  // 2.6.0
    "UUUCC---",  // 2.8.0
    "UUUCC---",  // 2.19.0
    "-----CCC",  // 3.0.0
    "-----CCC",  // 3.4.0
    "-----UUC",  // 3.11.0
};
constexpr std::array<std::string_view, 8> exports{
    // to: 2.0 2.3 2.6 2.8 2.19 3.0 3.4 3.11
    "UUUUUUUU",  // 2.0.0: ids are lossy
    "CCCCCUCC",  // 2.3.0
    "CCCCCUCC",  // 2.6.0
    "CCCCCUCC",  // 2.8.0
    "CCCCCUCC",  // 2.19.0
    "-----UUU",  // 3.0.0: no export
    "-----UCC",  // 3.4.0
    "-----UCC",  // 3.11.0
};

char letter(Verdict verdict) {
  return verdict == Verdict::compatible ? 'C' : verdict == Verdict::upgrade_needed ? 'U' : '-';
}

TEST(TypedbReleases, EveryPairOfRangesHasItsVerdict) {
  for (std::size_t from = 0; from < release_ranges.size(); ++from) {
    for (std::size_t to = 0; to < release_ranges.size(); ++to) {
      const std::string pair =
          display(release_ranges[from]) + " into " + display(release_ranges[to]);
      const Compatibility copied = compare(from, to, Way::copy);
      const Compatibility exported = compare(from, to, Way::exported);
      EXPECT_EQ(letter(copied.verdict), copies[from][to]) << "copy of " << pair;
      EXPECT_EQ(letter(exported.verdict), exports[from][to]) << "export of " << pair;
      for (const Compatibility& one : {copied, exported}) {
        EXPECT_EQ(one.why.empty(), one.verdict == Verdict::compatible) << pair;
        EXPECT_EQ(one.mend.empty(), one.verdict == Verdict::compatible) << pair;
      }
    }
  }
}

TEST(TypedbReleases, WhateverMendIsNamedHelps) {
  // Of each upgrade that is asked for, the release that is named is one with which it goes.
  for (std::size_t from = 0; from < release_ranges.size(); ++from) {
    for (std::size_t to = 0; to < release_ranges.size(); ++to) {
      const Compatibility copied = compare(from, to, Way::copy);
      if (copied.verdict != Verdict::upgrade_needed) continue;
      const std::string& mend = copied.mend;
      const std::size_t digit = mend.find_first_of("23");
      const auto named =
          range_of(mend.substr(digit, mend.find_first_not_of("0123456789.", digit) - digit));
      ASSERT_TRUE(named) << mend;
      EXPECT_EQ(compare(from, *named, Way::copy).verdict, Verdict::compatible) << mend;
    }
  }
}

TEST(TypedbReleases, NewCommitsAreNeverGivenToServersThatPassOverThem) {
  const Compatibility refused = compare(Encoding::v3_b, *range_of("3.10.4"));
  EXPECT_EQ(refused.verdict, Verdict::upgrade_needed);
  EXPECT_NE(refused.why.find("without a word"), std::string::npos) << refused.why;
  EXPECT_EQ(refused.mend, "Use TypeDB 3.11.0 or later.");
  EXPECT_EQ(compare(Encoding::v3_a, *range_of("3.12.3")).verdict, Verdict::compatible);
}

TEST(TypedbReleases, OpenersOfADirectoryAreNamed) {
  EXPECT_EQ(opened_by(Encoding::v2_0), "2.0.0 to 2.5.0");
  EXPECT_EQ(opened_by(Encoding::v2_1), "2.6.0 to 2.7.1");
  EXPECT_EQ(opened_by(Encoding::v2_2), "2.8.0 to 2.29.1");
  EXPECT_EQ(opened_by(Encoding::v3_a), "3.0.0 and later");
  EXPECT_EQ(opened_by(Encoding::v3_b), "3.11.0 and later");
}

TEST(TypedbReleases, ReleasesBelongToTheirRange) {
  const auto encoding = [](std::string_view release) {
    return encoding_name(release_ranges[range_of(release).value()].encoding);
  };
  EXPECT_EQ(encoding("2.0.0"), "2.x/0");
  EXPECT_EQ(encoding("2.5.0"), "2.x/0");
  EXPECT_EQ(encoding("2.6.0"), "2.x/1");
  EXPECT_EQ(encoding("2.7.1"), "2.x/1");
  EXPECT_EQ(encoding("2.8.0"), "2.x/2");
  EXPECT_EQ(encoding("2.29.1"), "2.x/2");
  EXPECT_EQ(encoding("3.0.0"), "3.x/a");
  EXPECT_EQ(encoding("3.10.4"), "3.x/a");
  EXPECT_EQ(encoding("3.11.0-rc1"), "3.x/b");
  EXPECT_EQ(encoding("3.12.3"), "3.x/b");
  EXPECT_EQ(range_of("2.2.0"), 0U);
  EXPECT_EQ(range_of("2.18.0"), 3U);
  EXPECT_EQ(range_of("2.19.0"), 4U);
  EXPECT_EQ(range_of("3.3.0"), 5U);
  for (const std::string_view none :
       {"", "1.8.4", "4.0.0", "2", "2.8", "2.8.x", "2.8.0 ", "v2.8.0"})
    EXPECT_FALSE(range_of(none)) << none;
}

TEST(TypedbReleases, RangesFollowEachOther) {
  for (std::size_t i = 0; i < release_ranges.size(); ++i) {
    EXPECT_EQ(range_of(release_ranges[i].first), i);
    const std::string_view last = release_ranges[i].last;
    EXPECT_EQ(range_of(last.empty() ? "3.99.0" : last), i);
  }
  EXPECT_EQ(display(release_ranges.front()), "2.0.0 to 2.2.0");
  EXPECT_EQ(display(release_ranges.back()), "3.11.0 and later");
}

}  // namespace
}  // namespace holdfast::engine::typedb

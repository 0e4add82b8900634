// SPDX-License-Identifier: Apache-2.0
#include "archive/retention.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::archive {
namespace {

#include "archive/retention_vectors.inc"

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

int to_int(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

Snapshot snapshot_at(std::string_view rfc3339, std::vector<std::string> tags = {}) {
  Snapshot snapshot;
  snapshot.file.time = parse_rfc3339(rfc3339);
  snapshot.file.tags = std::move(tags);
  return snapshot;
}

std::vector<Snapshot> all_snapshots() {
  std::vector<Snapshot> snapshots;
  for (const std::string_view line : snapshot_lines) {
    const std::vector<std::string> words = split(line, ' ');
    snapshots.push_back(
        snapshot_at(words[0] + "T" + words[1] + "Z",
                    words.size() > 2 ? split(words[2], ',') : std::vector<std::string>()));
    // Equal snapshots are told apart by a number.
    snapshots.back().file.uid = static_cast<std::uint32_t>(snapshots.size() - 1);
  }
  return snapshots;
}

KeepPolicy parse_policy(std::string_view text) {
  KeepPolicy policy;
  for (const std::string& word : split(text, ' ')) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name == "last") policy.last = to_int(value);
    if (name == "hourly") policy.hourly = to_int(value);
    if (name == "daily") policy.daily = to_int(value);
    if (name == "weekly") policy.weekly = to_int(value);
    if (name == "monthly") policy.monthly = to_int(value);
    if (name == "yearly") policy.yearly = to_int(value);
    if (name == "within") policy.within = parse_keep_duration(value);
    if (name == "within_hourly") policy.within_hourly = parse_keep_duration(value);
    if (name == "within_daily") policy.within_daily = parse_keep_duration(value);
    if (name == "within_weekly") policy.within_weekly = parse_keep_duration(value);
    if (name == "within_monthly") policy.within_monthly = parse_keep_duration(value);
    if (name == "within_yearly") policy.within_yearly = parse_keep_duration(value);
    if (name == "tags") policy.tags.push_back(split(value, ','));
  }
  return policy;
}

std::string ranges_of(const std::vector<Snapshot>& snapshots) {
  std::string text;
  for (std::size_t i = 0; i < snapshots.size();) {
    std::size_t end = i + 1;
    while (end < snapshots.size() && snapshots[end].file.uid == snapshots[end - 1].file.uid + 1)
      ++end;
    if (!text.empty()) text += ' ';
    text += std::to_string(snapshots[i].file.uid);
    if (end - i > 1) text += "-" + std::to_string(snapshots[end - 1].file.uid);
    i = end;
  }
  return text;
}

std::string lines_of(const std::vector<KeepReason>& reasons) {
  std::string text;
  for (const KeepReason& reason : reasons) {
    text += fmt::format("{}|{}|{},{},{},{},{},{}\n", reason.snapshot.file.uid,
                        fmt::join(reason.matches, ";"), reason.counters_last,
                        reason.counters_hourly, reason.counters_daily, reason.counters_weekly,
                        reason.counters_monthly, reason.counters_yearly);
  }
  return text;
}

const Timestamp today = parse_rfc3339("2026-11-20T10:00:00Z");

TEST(Retention, KeepsWhatResticKeepsForTheSameReasons) {
  for (const Vector& vector : vectors) {
    SCOPED_TRACE(std::string(vector.policy));
    const KeepDecision decision = apply_policy(all_snapshots(), parse_policy(vector.policy), today);
    EXPECT_EQ(ranges_of(decision.keep), vector.kept);
    EXPECT_EQ(decision.keep.size() + decision.remove.size(), std::size(snapshot_lines));
    EXPECT_EQ(to_hex(sha256(as_bytes(lines_of(decision.reasons)))).substr(0, 16), vector.reasons)
        << lines_of(decision.reasons);
  }
}

TEST(Retention, CountsDaysInTheOffsetOfTheSnapshot) {
  KeepPolicy policy;
  policy.daily = 5;
  // One day in UTC, two where the backups were made.
  const KeepDecision decision = apply_policy(
      {snapshot_at("2026-01-02T00:30:00+02:00"), snapshot_at("2026-01-01T23:30:00+02:00"),
       snapshot_at("2026-01-01T23:10:00+02:00"), snapshot_at("2025-12-31T10:00:00+02:00")},
      policy, today);
  EXPECT_EQ(decision.keep.size(), 3U);
  ASSERT_EQ(decision.remove.size(), 1U);
  EXPECT_EQ(to_rfc3339(decision.remove[0].file.time), "2026-01-01T23:10:00+02:00");
}

TEST(Retention, KeepsTheOldestWhileACounterIsUnfilled) {
  KeepPolicy policy;
  policy.yearly = 3;
  const KeepDecision decision =
      apply_policy({snapshot_at("2026-03-01T00:00:00Z"), snapshot_at("2026-02-01T00:00:00Z"),
                    snapshot_at("2026-01-01T00:00:00Z")},
                   policy, today);
  ASSERT_EQ(decision.reasons.size(), 2U);
  EXPECT_EQ(decision.reasons[0].matches, std::vector<std::string>{"yearly snapshot"});
  EXPECT_EQ(decision.reasons[1].matches, std::vector<std::string>{"oldest yearly snapshot"});
  EXPECT_EQ(decision.reasons[1].counters_yearly, 1);
}

TEST(Retention, CountsWithinFromTheNewestThatIsNotInTheFuture) {
  KeepPolicy policy;
  policy.within = parse_keep_duration("2d");
  const KeepDecision decision =
      apply_policy({snapshot_at("2027-01-01T00:00:00Z"), snapshot_at("2026-11-10T00:00:00Z"),
                    snapshot_at("2026-11-08T12:00:00Z"), snapshot_at("2026-11-07T00:00:00Z")},
                   policy, today);
  EXPECT_EQ(decision.keep.size(), 3U);
  EXPECT_EQ(decision.remove.size(), 1U);
}

TEST(Retention, KeepsAllWithinIfEverythingIsInTheFuture) {
  KeepPolicy policy;
  policy.within = parse_keep_duration("1h");
  const KeepDecision decision = apply_policy(
      {snapshot_at("2027-01-01T00:00:00Z"), snapshot_at("2028-01-01T00:00:00Z")}, policy, today);
  EXPECT_EQ(decision.keep.size(), 2U);
}

TEST(Retention, TakesADayThatAMonthLacksAsGoDoes) {
  KeepPolicy policy;
  policy.within = parse_keep_duration("1m");
  // 31 March less a month is 31 February, which is 3 March.
  const KeepDecision decision =
      apply_policy({snapshot_at("2026-03-31T12:00:00Z"), snapshot_at("2026-03-03T13:00:00Z"),
                    snapshot_at("2026-03-03T11:00:00Z")},
                   policy, today);
  EXPECT_EQ(decision.keep.size(), 2U);
}

TEST(Retention, TakesTheEmptyTagForSnapshotsWithoutTags) {
  KeepPolicy policy;
  policy.tags = {{""}};
  const KeepDecision decision = apply_policy(
      {snapshot_at("2026-01-01T00:00:00Z"), snapshot_at("2026-01-02T00:00:00Z", {"a"})}, policy,
      today);
  ASSERT_EQ(decision.keep.size(), 1U);
  EXPECT_TRUE(decision.keep[0].file.tags.empty());
}

TEST(Retention, ReadsDurations) {
  const KeepDuration duration = parse_keep_duration(" 1y5m7d2h ");
  EXPECT_EQ(duration.years, 1);
  EXPECT_EQ(duration.months, 5);
  EXPECT_EQ(duration.days, 7);
  EXPECT_EQ(duration.hours, 2);
  EXPECT_EQ(parse_keep_duration("-3d").days, -3);
  EXPECT_TRUE(parse_keep_duration("").empty());
  for (const std::string_view bad :
       {"5", "d", "5x", "1d2", "1 d", "99999999999d", "99999999y", "--1d"}) {
    try {
      static_cast<void>(parse_keep_duration(bad));
      ADD_FAILURE() << "accepted " << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage) << bad;
    }
  }
}

TEST(Retention, SurvivesTheLongestDurations) {
  KeepPolicy policy;
  policy.within = parse_keep_duration("10000000y10000000m10000000d10000000h");
  policy.within_daily = parse_keep_duration("-10000000y");
  EXPECT_EQ(apply_policy(all_snapshots(), policy, today).keep.size(), std::size(snapshot_lines));
}

TEST(Retention, KnowsAnEmptyPolicy) {
  KeepPolicy policy;
  EXPECT_TRUE(policy.empty());
  policy.within_yearly.hours = 1;
  EXPECT_FALSE(policy.empty());
  EXPECT_TRUE(apply_policy({}, policy, today).keep.empty());
}

}  // namespace
}  // namespace holdfast::archive

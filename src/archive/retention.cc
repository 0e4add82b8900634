// SPDX-License-Identifier: Apache-2.0
#include "archive/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

#include "base/error.h"

namespace holdfast::archive {
namespace {

// Beyond any calendar, yet small enough that no sum below can overflow.
constexpr int keep_number_max = 10'000'000;

// restic's way to write a duration: largest unit first, units that are zero left out.
std::string display(const KeepDuration& duration) {
  std::string text;
  if (duration.years != 0) text += fmt::format("{}y", duration.years);
  if (duration.months != 0) text += fmt::format("{}m", duration.months);
  if (duration.days != 0) text += fmt::format("{}d", duration.days);
  if (duration.hours != 0) text += fmt::format("{}h", duration.hours);
  return text;
}

// What tells the snapshots of one period from those of another. Calendars are read in the UTC
// offset the snapshot itself was written with, so that a day begins where it began for whoever made
// the backup.
using Bucket = std::int64_t (*)(const CalendarTime& time, std::int64_t position);

std::int64_t each(const CalendarTime&, std::int64_t position) {
  return position;
}
std::int64_t hour(const CalendarTime& time, std::int64_t) {
  return time.year * std::int64_t{1'000'000} + time.month * 10'000 + time.day * 100 + time.hour;
}
std::int64_t day(const CalendarTime& time, std::int64_t) {
  return time.year * std::int64_t{10'000} + time.month * 100 + time.day;
}
std::int64_t week(const CalendarTime& time, std::int64_t) {
  return time.iso_year * std::int64_t{100} + time.iso_week;
}
std::int64_t month(const CalendarTime& time, std::int64_t) {
  return time.year * std::int64_t{100} + time.month;
}
std::int64_t year(const CalendarTime& time, std::int64_t) {
  return time.year;
}

// A rule's memory while the snapshots pass by, newest first.
class Rule {
 public:
  Rule(Bucket bucket, std::string reason) : bucket_(bucket), reason_(std::move(reason)) {}

  // The reason to keep the snapshot as the first (newest) of its period, or, to stretch the history
  // as far as it goes, as the oldest of all; nothing otherwise.
  std::optional<std::string> take(const CalendarTime& time, std::int64_t position, bool oldest) {
    const std::int64_t value = bucket_(time, position);
    const bool new_period = value != last_;
    if (!new_period && !oldest) return std::nullopt;
    last_ = value;
    return new_period ? reason_ : "oldest " + reason_;
  }

 private:
  Bucket bucket_;
  std::string reason_;
  std::int64_t last_ = -1;
};

struct CountRule {
  int left;  // -1: unlimited
  Rule rule;
};

struct WithinRule {
  KeepDuration within;
  std::optional<Timestamp> bound;  // only what is later counts; none: everything does
  Rule rule;
};

std::optional<Timestamp> latest_before(std::span<const Snapshot> snapshots, const Timestamp& now) {
  std::optional<Timestamp> latest;
  for (const Snapshot& snapshot : snapshots) {
    const Timestamp& time = snapshot.file.time;
    if (time < now && (!latest || time > *latest)) latest = time;
  }
  return latest;
}

// `latest` less a duration, as Go's AddDate counts: days that a month does not have carry over into
// the next.
std::optional<Timestamp> bound_of(const std::optional<Timestamp>& latest,
                                  const KeepDuration& within) {
  if (!latest) return std::nullopt;
  const CalendarTime at = calendar(*latest);
  Timestamp bound =
      from_calendar(at.year - within.years, at.month - within.months, at.day - within.days, at.hour,
                    at.minute, at.second, latest->utc_offset_seconds);
  bound.nanoseconds = latest->nanoseconds;
  bound.seconds -= std::int64_t{within.hours} * 3600;
  return bound;
}

bool is_within(const Timestamp& time, const std::optional<Timestamp>& bound) {
  return !bound || time > *bound;
}

std::array<CountRule, 6> count_rules(const KeepPolicy& policy) {
  return {{{policy.last, Rule(each, "last snapshot")},
           {policy.hourly, Rule(hour, "hourly snapshot")},
           {policy.daily, Rule(day, "daily snapshot")},
           {policy.weekly, Rule(week, "weekly snapshot")},
           {policy.monthly, Rule(month, "monthly snapshot")},
           {policy.yearly, Rule(year, "yearly snapshot")}}};
}

std::vector<WithinRule> within_rules(const KeepPolicy& policy,
                                     const std::optional<Timestamp>& latest) {
  std::vector<WithinRule> rules;
  const auto add = [&](const KeepDuration& within, Bucket bucket, std::string_view name) {
    if (within.empty()) return;
    rules.push_back({within, bound_of(latest, within),
                     Rule(bucket, fmt::format("{} within {}", name, display(within)))});
  };
  add(policy.within_hourly, hour, "hourly");
  add(policy.within_daily, day, "daily");
  add(policy.within_weekly, week, "weekly");
  add(policy.within_monthly, month, "monthly");
  add(policy.within_yearly, year, "yearly");
  return rules;
}

}  // namespace

KeepDuration parse_keep_duration(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    Error error(Errc::usage, fmt::format("invalid duration \"{}\": {}", text, why));
    error.set_hint("Durations are written like 1y5m7d2h; each part may be left out.");
    return error;
  };
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  std::string_view rest = text;
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);

  KeepDuration duration;
  while (!rest.empty()) {
    int number = 0;
    const auto [end, status] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (status == std::errc::invalid_argument) throw refuse("a number is missing");
    if (status != std::errc() || number > keep_number_max || number < -keep_number_max) {
      throw refuse("a number is too large");
    }
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.empty()) throw refuse("the unit of the last number is missing");
    switch (rest.front()) {
      case 'y':
        duration.years = number;
        break;
      case 'm':
        duration.months = number;
        break;
      case 'd':
        duration.days = number;
        break;
      case 'h':
        duration.hours = number;
        break;
      default:
        throw refuse("units are y, m, d and h");
    }
    rest.remove_prefix(1);
  }
  return duration;
}

bool KeepPolicy::empty() const noexcept {
  return last == 0 && hourly == 0 && daily == 0 && weekly == 0 && monthly == 0 && yearly == 0 &&
         within.empty() && within_hourly.empty() && within_daily.empty() && within_weekly.empty() &&
         within_monthly.empty() && within_yearly.empty() && tags.empty();
}

KeepDecision apply_policy(std::vector<Snapshot> snapshots, const KeepPolicy& policy,
                          const Timestamp& now) {
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const Snapshot& a, const Snapshot& b) { return a.file.time > b.file.time; });
  const std::optional<Timestamp> latest = latest_before(snapshots, now);
  const std::optional<Timestamp> within_bound = bound_of(latest, policy.within);
  std::array<CountRule, 6> counts = count_rules(policy);
  std::vector<WithinRule> withins = within_rules(policy, latest);

  KeepDecision decision;
  for (std::size_t i = 0; i < snapshots.size(); ++i) {
    Snapshot& snapshot = snapshots[i];
    const CalendarTime time = calendar(snapshot.file.time);
    const auto position = static_cast<std::int64_t>(i);
    const bool oldest = i + 1 == snapshots.size();
    std::vector<std::string> matches;
    for (const std::vector<std::string>& tags : policy.tags) {
      if (!has_tags(snapshot.file, tags)) continue;
      matches.push_back(fmt::format("has tags [{}]", fmt::join(tags, ", ")));
    }
    if (!policy.within.empty() && is_within(snapshot.file.time, within_bound)) {
      matches.push_back("within " + display(policy.within));
    }
    for (CountRule& count : counts) {
      if (count.left <= 0 && count.left != -1) continue;
      std::optional<std::string> reason = count.rule.take(time, position, oldest);
      if (!reason) continue;
      if (count.left > 0) --count.left;
      matches.push_back(std::move(*reason));
    }
    for (WithinRule& within : withins) {
      if (!is_within(snapshot.file.time, within.bound)) continue;
      std::optional<std::string> reason = within.rule.take(time, position, oldest);
      if (reason) matches.push_back(std::move(*reason));
    }
    if (matches.empty()) {
      decision.remove.push_back(std::move(snapshot));
      continue;
    }
    decision.keep.push_back(snapshot);
    decision.reasons.push_back({std::move(snapshot), std::move(matches), counts[0].left,
                                counts[1].left, counts[2].left, counts[3].left, counts[4].left,
                                counts[5].left});
  }
  return decision;
}

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// Which snapshots a keep policy keeps, exactly as restic decides. Pure.
//
// Source: restic internal/data/snapshot_policy.go. Held to it by: retention_test.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "archive/snapshots.h"

namespace holdfast::archive {

// "1y5m7d2h"; each part may be missing.
struct KeepDuration {
  int hours = 0, days = 0, months = 0, years = 0;
  [[nodiscard]] bool empty() const noexcept {
    return hours == 0 && days == 0 && months == 0 && years == 0;
  }
};
[[nodiscard]] KeepDuration parse_keep_duration(std::string_view text);  // Errc::usage

struct KeepPolicy {  // -1: unlimited
  int last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
  KeepDuration within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
  std::vector<std::vector<std::string>> tags;  // any list, all of its tags
  [[nodiscard]] bool empty() const noexcept;
};

struct KeepReason {
  Snapshot snapshot;
  std::vector<std::string> matches;  // "last snapshot", "daily snapshot", … as restic says
  int counters_last = 0, counters_hourly = 0, counters_daily = 0, counters_weekly = 0,
      counters_monthly = 0,
      counters_yearly = 0;  // what was left
};

struct KeepDecision {
  std::vector<Snapshot> keep, remove;  // newest first
  std::vector<KeepReason> reasons;
};

// `now` bounds keep-within: relative to the newest snapshot that is not in the future.
[[nodiscard]] KeepDecision apply_policy(std::vector<Snapshot> snapshots, const KeepPolicy& policy,
                                        const Timestamp& now);

}  // namespace holdfast::archive

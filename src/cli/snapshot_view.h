// SPDX-License-Identifier: Apache-2.0
// Snapshots on paper: as restic's JSON and as restic's table.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/table.h"
#include "job/forget.h"

namespace holdfast::cli {

// The snapshot file's members, then id and short_id.
[[nodiscard]] Json snapshot_json(const archive::Snapshot& snapshot);
[[nodiscard]] Json snapshots_json(const std::vector<archive::Snapshot>& snapshots);
// null for an empty list, as Go writes a list that was never made.
[[nodiscard]] Json list_or_null(const std::vector<std::string>& texts);

struct SnapshotTableOptions {
  bool compact = false;
  std::map<format::Id, std::vector<std::string>> reasons;  // empty: no such column
};
// Oldest first, whatever the order of `snapshots`.
[[nodiscard]] Table snapshot_table(std::vector<archive::Snapshot> snapshots,
                                   const SnapshotTableOptions& options);

// "snapshots for (host [vm], paths [/srv]):"; empty for the key of everything.
[[nodiscard]] std::string group_header(const archive::GroupKey& key);

// "snapshot f57190a2 of [/srv] at 2026-11-20 11:19:33.9 +0000 UTC by root@vm"
[[nodiscard]] std::string snapshot_line(const archive::Snapshot& snapshot);

// A time in this host's zone, for people.
[[nodiscard]] std::string display_local(const Timestamp& moment);

}  // namespace holdfast::cli

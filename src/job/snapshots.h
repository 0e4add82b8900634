// SPDX-License-Identifier: Apache-2.0
// snapshots: which there are, filtered and grouped.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "job/environment.h"

namespace holdfast::job {

struct SnapshotsOptions {
  std::vector<std::string> ids;  // "latest", ids, prefixes; empty: all that the filter takes
  archive::SnapshotFilter filter;
  std::string group_by;  // as --group-by; empty: one group
  unsigned latest = 0;   // the newest so many of each host and paths, or of each group; 0: all
};

// Groups in order of their keys, the snapshots of each newest first.
[[nodiscard]] std::vector<archive::SnapshotGroup> list_snapshots(const Environment& environment,
                                                                 const RepositoryAccess& access,
                                                                 const SnapshotsOptions& options,
                                                                 std::stop_source& stop);

// The snapshots that ids or else the filter name, each once, oldest first. With ids the filter
// counts only for "latest". Errc::not_found naming an id that is none; Errc::usage for an ambiguous
// prefix or an id with a subfolder.
[[nodiscard]] std::vector<archive::Snapshot> select_snapshots(
    repo::Repository& repository, const std::vector<std::string>& ids,
    const archive::SnapshotFilter& filter);

}  // namespace holdfast::job

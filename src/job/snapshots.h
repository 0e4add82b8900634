// SPDX-License-Identifier: Apache-2.0
// snapshots: which there are, filtered and grouped.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "job/environment.h"
#include "model/progress.h"

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
                                                                 model::Observer& observer,
                                                                 std::stop_source& stop);

// All snapshots that can be read, oldest first. `observer` is warned of each that is damaged: one
// bad file must not keep anybody from the others.
[[nodiscard]] std::vector<archive::Snapshot> readable_snapshots(repo::Repository& repository,
                                                                model::Observer& observer);

// The snapshots of these ids, each once, oldest first. The filter counts only for "latest", which
// is not told while one is damaged: it might be that one. Errc::not_found naming an id that is
// none; Errc::usage for an ambiguous prefix or an id with a subfolder.
[[nodiscard]] std::vector<archive::Snapshot> named_snapshots(repo::Repository& repository,
                                                             const std::vector<std::string>& ids,
                                                             const archive::SnapshotFilter& filter);

// named_snapshots(), or without ids those of readable_snapshots() that the filter takes.
[[nodiscard]] std::vector<archive::Snapshot> select_snapshots(repo::Repository& repository,
                                                              const std::vector<std::string>& ids,
                                                              const archive::SnapshotFilter& filter,
                                                              model::Observer& observer);

}  // namespace holdfast::job

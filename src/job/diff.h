// SPDX-License-Identifier: Apache-2.0
// diff: what differs between two snapshots.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "archive/snapshots.h"
#include "archive/tree_diff.h"
#include "job/environment.h"

namespace holdfast::job {

struct DiffOptions {
  std::string before, after;  // "latest", ids or prefixes, each with an optional ":/sub/folder"
  archive::SnapshotFilter filter;  // for "latest"
  bool with_metadata = false;      // tell changes of metadata alone too
};

// Calls `begin` once with the snapshots, then `changed` for each change in the order of paths; both
// on the calling thread.
[[nodiscard]] archive::TreeDiff diff_snapshots(
    const Environment& environment, const RepositoryAccess& access, const DiffOptions& options,
    const std::function<void(const archive::Snapshot& before, const archive::Snapshot& after)>&
        begin,
    const std::function<void(const archive::TreeChange& change)>& changed,
    model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

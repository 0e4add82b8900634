// SPDX-License-Identifier: Apache-2.0
// ls: what is in a snapshot.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "archive/tree_walk.h"
#include "job/environment.h"

namespace holdfast::job {

struct LsOptions {
  std::string snapshot;                  // "latest", id or prefix, with an optional ":/sub/folder"
  archive::SnapshotFilter filter;        // for "latest"
  std::vector<std::string> directories;  // absolute paths inside; empty: everything
  bool recursive = false;                // below `directories` too
};

// Calls `begin` once with the snapshot, then `visit` for each node, parents before children. Both
// on the calling thread. A directory that is not there is a warning.
void list_files(const Environment& environment, const RepositoryAccess& access,
                const LsOptions& options,
                const std::function<void(const archive::Snapshot& snapshot)>& begin,
                const std::function<void(const std::string& path, const format::Node& node)>& visit,
                model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

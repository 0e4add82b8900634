// SPDX-License-Identifier: Apache-2.0
// rewrite: snapshots made anew without some of their files, or with another host or time.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/exclude.h"
#include "job/snapshot_change.h"

namespace holdfast::job {

struct RewriteOptions {
  // Only these snapshots, or those that the filter takes; both empty: all.
  std::vector<std::string> ids;
  archive::SnapshotFilter filter;
  // At most one of them is not empty. With `includes` a directory that neither matches nor has
  // anything left goes too.
  archive::PatternList excludes, includes;
  std::string new_hostname;  // empty: as it is
  std::optional<Timestamp> new_time;
  bool snapshot_summary = false;  // count the files and bytes of each
  bool forget = false;            // remove those that are replaced; else the new get a tag
  bool dry_run = false;           // nothing is written or removed
};

// Errc::usage if nothing is to be done, or both kinds of patterns are given. Takes the exclusive
// lock to forget, else a shared one; access.no_lock only in a dry run. What a new snapshot needs is
// stored before it, and it before the old one is removed. A snapshot stays as it is if nothing of
// it would change, if no pattern of `includes` takes anything of it, or if it is the proof of a
// drill. Errc::corrupt for a tree that cannot be read.
[[nodiscard]] SnapshotChanges rewrite_snapshots(const Environment& environment,
                                                const RepositoryAccess& access,
                                                const RewriteOptions& options,
                                                model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

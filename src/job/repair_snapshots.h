// SPDX-License-Identifier: Apache-2.0
// repair snapshots: damaged snapshots made anew without what the repository has lost.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "job/snapshot_change.h"

namespace holdfast::job {

struct RepairSnapshotsOptions {
  // Only these snapshots, or those that the filter takes; both empty: all.
  std::vector<std::string> ids;
  archive::SnapshotFilter filter;
  bool forget = false;   // remove those that are replaced, or of which nothing is left
  bool dry_run = false;  // nothing is written or removed
};

struct RepairSnapshotsReport {
  SnapshotChanges changes;
  std::vector<std::string> damaged;  // snapshot files that cannot be read, a message each
  // Of these, files whose content is not what their name says: removed with `forget`. Whoever can
  // read none of the others may be too old for them.
  std::vector<format::Id> torn;
};

// Takes out what archive::RepairEdit says, and tells it as warnings; snapshots that are whole stay
// as they are. Errc::corrupt, and nothing is done, if the index does not fit the packs
// (repo/index_fit.h): what seems lost may still be there. Takes the exclusive lock; access.no_lock
// only in a dry run. What a new snapshot needs is stored before it, and it before the old one is
// removed. Of a proof of a drill that is damaged nothing is left.
[[nodiscard]] RepairSnapshotsReport repair_snapshots(const Environment& environment,
                                                     const RepositoryAccess& access,
                                                     const RepairSnapshotsOptions& options,
                                                     model::Observer& observer,
                                                     std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// recover: what no snapshot reaches any more, put into a new one.
#pragma once

#include <optional>
#include <stop_token>

#include "job/environment.h"

namespace holdfast::job {

struct RecoverReport {
  std::uint64_t roots = 0;             // trees that nothing referred to
  std::uint64_t lost = 0;              // files and directories of theirs that are not whole
  std::optional<format::Id> snapshot;  // none: there was nothing to recover
};

// Makes a snapshot of path "/recover" with the tag "recovered" that has each root
// (repo/tree_roots.h) as a directory named by the front of its id. What is lost of them is taken
// out as archive::RepairEdit says and told as warnings, so that the new snapshot is whole. Takes
// the exclusive lock (Errc::usage for access.no_lock). Errc::corrupt if the index does not fit the
// packs (repo/index_fit.h).
[[nodiscard]] RecoverReport recover(const Environment& environment, const RepositoryAccess& access,
                                    model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

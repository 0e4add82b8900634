// SPDX-License-Identifier: Apache-2.0
// Trees that nothing refers to: what is left of snapshots that are gone.
#pragma once

#include <stop_token>
#include <vector>

#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::repo {

// All readable trees of the index that are neither in `snapshot_trees` nor a directory of another
// readable tree; sorted. Each tree is read, pack by pack, on all cores; those that cannot be read
// are told as warnings. Memory: two bits for each blob, the ids of all packs, and a pack's run of
// trees for each thread. Errc::cancelled on a stop request.
[[nodiscard]] std::vector<format::Id> find_tree_roots(Repository& repository,
                                                      const std::vector<format::Id>& snapshot_trees,
                                                      model::Observer& observer,
                                                      const std::stop_token& stop);

}  // namespace holdfast::repo

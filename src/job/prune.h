// SPDX-License-Identifier: Apache-2.0
// prune: gives back the space of what no snapshot needs.
#pragma once

#include <stop_token>
#include <string>

#include "job/environment.h"
#include "repo/prune.h"

namespace holdfast::job {

struct PruneJobOptions {
  repo::PruneOptions prune;
  // --unsafe-recover-no-free-space: must be the id of this very repository (Errc::usage otherwise);
  // empty: not asked for.
  std::string recover_repository_id;
};

// Takes the exclusive lock; access.no_lock only with a dry run (Errc::usage).
[[nodiscard]] repo::PruneReport prune_repository(const Environment& environment,
                                                 const RepositoryAccess& access,
                                                 const PruneJobOptions& options,
                                                 model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

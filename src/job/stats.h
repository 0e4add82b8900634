// SPDX-License-Identifier: Apache-2.0
// stats: how much snapshots hold.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "archive/statistics.h"
#include "job/environment.h"

namespace holdfast::job {

struct StatsOptions {
  archive::CountMode mode = archive::CountMode::restore_size;
  std::vector<std::string> ids;  // "latest", ids, prefixes; empty: all that the filter takes
  archive::SnapshotFilter filter;
};

[[nodiscard]] archive::Statistics count_repository(const Environment& environment,
                                                   const RepositoryAccess& access,
                                                   const StatsOptions& options,
                                                   model::Observer& observer,
                                                   std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// check: is the repository whole?
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "job/environment.h"
#include "repo/check.h"

namespace holdfast::job {

struct CheckJobOptions {
  repo::CheckOptions check;  // `snapshots` is found by the job
  // Only these snapshots, or those that the filter takes; both empty: all.
  std::vector<std::string> ids;
  archive::SnapshotFilter filter;
};

// What is wrong is in the report, not an Error. Takes the exclusive lock, unless access.no_lock.
// Errc::not_found for an id that does not exist.
[[nodiscard]] repo::CheckReport check_repository(const Environment& environment,
                                                 const RepositoryAccess& access,
                                                 const CheckJobOptions& options,
                                                 model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// check: is the repository whole?
#pragma once

#include <stop_token>

#include "job/environment.h"
#include "repo/check.h"

namespace holdfast::job {

// What is wrong is in the report, not an Error. Takes the exclusive lock, unless access.no_lock.
[[nodiscard]] repo::CheckReport check_repository(const Environment& environment,
                                                 const RepositoryAccess& access,
                                                 const repo::CheckOptions& options,
                                                 model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

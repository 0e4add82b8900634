// SPDX-License-Identifier: Apache-2.0
// unlock: removes locks that nobody holds any more.
#pragma once

#include <stop_token>

#include "job/environment.h"

namespace holdfast::job {

// How many locks were removed: the stale ones, or all of them.
[[nodiscard]] unsigned unlock_repository(const Environment& environment,
                                         const RepositoryAccess& access, bool all,
                                         std::stop_source& stop);

}  // namespace holdfast::job

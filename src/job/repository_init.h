// SPDX-License-Identifier: Apache-2.0
// init: makes a new repository.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "job/environment.h"

namespace holdfast::job {

struct InitOptions {
  unsigned version = 2;
  std::optional<RepositoryAccess> copy_chunker_from;  // cut files as this repository does
  std::optional<format::ScryptCost> key_cost;         // none: calibrated
};

struct InitReport {
  std::string id;        // 64 hex digits
  std::string location;  // without password
  unsigned version = 0;
};

// Errc::exists if there is a repository, or the remains of one.
[[nodiscard]] InitReport init_repository(const Environment& environment,
                                         const RepositoryAccess& access, const InitOptions& options,
                                         std::stop_source& stop);

}  // namespace holdfast::job

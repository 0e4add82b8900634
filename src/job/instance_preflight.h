// SPDX-License-Identifier: Apache-2.0
// preflight: every check of a backup, with nothing done, or only the mends that were asked for.
#pragma once

#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "job/environment.h"
#include "job/preflight.h"
#include "model/instance.h"

namespace holdfast::job {

struct InstancePreflightOptions {
  std::vector<Acceptance> acceptances;
  bool fix = false;                                  // do the mends of class safe,
  std::set<std::string> codes;                       // and these of class writes-source
  std::vector<RepositoryAccess> extra_repositories;  // as of a backup
};

struct InstancePreflightReport {
  std::vector<model::Finding> findings;  // after the mends; blockers first
  std::vector<std::string> fixed;        // a line each
};

// `access` null: no repository is known, which is a finding, and nothing is compared with the last
// snapshot. A repository that cannot be opened is a finding too.
[[nodiscard]] InstancePreflightReport preflight_instance(
    const Environment& environment, const RepositoryAccess* access, const model::Instance& instance,
    const InstancePreflightOptions& options, model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Whether the application may use what has been restored for it.
#pragma once

#include <stop_token>
#include <vector>

#include "job/restore_plan.h"
#include "model/finding.h"
#include "model/instance.h"

namespace holdfast::job {

// What the application's own users lack in the databases of the plan, by the configuration that
// stands in the target now: findings `…-application-grants`. What cannot be looked at is logged:
// the restore stands. Reads only.
[[nodiscard]] std::vector<model::Finding> find_missing_rights(const model::Instance& target,
                                                              const RestorePlan& plan,
                                                              const std::stop_token& stop);

}  // namespace holdfast::job

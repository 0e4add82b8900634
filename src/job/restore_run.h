// SPDX-License-Identifier: Apache-2.0
// Carrying out a restore's plan: what restore, import and migrate have in common.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "job/environment.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "job/restore_plan.h"

namespace holdfast::job {

// "3,456 rows"
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view one,
                                  std::string_view several);

// All of it, or nothing. `source` is null for single files. Errc::blocked by the plan's findings.
void run_restore(const Environment& environment, const InstanceSource* source,
                 const model::Instance& target, const RestorePlan& plan,
                 const InstanceRestoreOptions& options, model::Observer& observer,
                 const std::stop_token& stop, InstanceRestoreReport& report);

}  // namespace holdfast::job

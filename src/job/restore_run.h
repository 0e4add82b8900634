// SPDX-License-Identifier: Apache-2.0
// Carrying out a restore's plan: what restore, import and migrate have in common.
#pragma once

#include <stop_token>

#include "job/environment.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "job/restore_plan.h"

namespace holdfast::job {

// All of it, or nothing. `source` is null for single files. Errc::blocked by the plan's findings.
void run_restore(const Environment& environment, const InstanceSource* source,
                 const model::Instance& target, const RestorePlan& plan,
                 const InstanceRestoreOptions& options, model::Observer& observer,
                 const std::stop_token& stop, InstanceRestoreReport& report);

}  // namespace holdfast::job

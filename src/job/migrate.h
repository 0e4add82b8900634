// SPDX-License-Identifier: Apache-2.0
// migrate -I OLD --to NEW: an instance straight into another, without a repository between them.
#pragma once

#include <stop_token>

#include "job/environment.h"
#include "job/instance_restore.h"
#include "model/instance.h"

namespace holdfast::job {

// In this order: preflight of the source and, with what the copy will need, of the target; the
// hooks before_backup of the source; [quiesce] of the source, as for a backup; its databases are
// held at one moment; the hooks before_restore of the target; the parts flow into it under the
// rules of a restore: beside, compared with what was read, switched; the source's application is
// started, at once after the moment where no files are copied and writers disturb nothing; the
// hooks after_backup of the source, then after_restore of the target, none of it after one that
// failed: what cuts over goes there. On an error all is put back, then on_error runs, of the
// source, then of the target. The source is not changed.
[[nodiscard]] InstanceRestoreReport migrate_instance(
    const Environment& environment, const model::Instance& source, const model::Instance& target,
    const InstanceRestoreOptions& options, model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// migrate -I OLD --to NEW: an instance straight into another, without a repository between them.
#pragma once

#include <stop_token>

#include "job/environment.h"
#include "job/instance_restore.h"
#include "model/instance.h"

namespace holdfast::job {

// Preflight on both sides; then the source is held at one moment, as for a backup, and its parts
// flow into the target under the rules of a restore: beside, compared with what was read, switched.
// The source goes on working meanwhile; it is not changed. The hooks before_backup and after_backup
// of the source run around its reading, before_restore and after_restore of the target around the
// whole: what cuts over goes there. Errc::blocked for a source that would have to be stopped.
[[nodiscard]] InstanceRestoreReport migrate_instance(
    const Environment& environment, const model::Instance& source, const model::Instance& target,
    const InstanceRestoreOptions& options, model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// The rows of an instance on their way into databases of another kind: what a migration to such
// does between putting the files in their places and adapting them.
#pragma once

#include <stop_token>

#include "base/timestamp.h"
#include "engine/engine.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "job/path_switch.h"
#include "job/restore_plan.h"
#include "model/progress.h"

namespace holdfast::job {

// Makes the new databases of plan.conversion, each step announced to `changes` before; gives them
// all that it makes of the source's rows and of binaries in files, and the files what leaves
// tables; then proves that all was read and that all is there. `load`: scratch_directory and
// parallel. Rows go straight on, on the thread that reads them, into sinks that queue little
// (docs/concurrency.md). The source is not released. Adds to report.databases; rows of tables that
// the application does not know are told as a warning; a table that was not there when tables were
// looked at is Errc::not_consistent. Errc::differs, not_consistent; what engines throw.
void convert_rows(const RestorePlan& plan, const InstanceSource& source,
                  const engine::LoadOptions& load, Changes& changes, Clock& clock,
                  model::Observer& observer, const std::stop_token& stop,
                  InstanceRestoreReport& report);

}  // namespace holdfast::job

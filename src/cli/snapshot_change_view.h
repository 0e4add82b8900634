// SPDX-License-Identifier: Apache-2.0
// What became of snapshots that `rewrite` or `repair snapshots` made anew.
#pragma once

#include "cli/output.h"
#include "job/snapshot_change.h"

namespace holdfast::cli {

// Prints what was done, or in a dry run would be; `forget`: those before were to be removed.
// Throws Errc::incomplete if some could not be.
void print_snapshot_changes(Output& output, const job::SnapshotChanges& changes, bool forget,
                            bool dry_run);

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// Results of jobs on instances on paper, as text or JSON. docs/json.md.
#pragma once

#include "cli/output.h"
#include "job/drill.h"
#include "job/inspect.h"
#include "job/instance_backup.h"
#include "job/instance_restore.h"

namespace holdfast::cli {

// `target`: of an export; empty for a backup.
void print_instance_backup(Output& output, const job::InstanceBackupReport& report,
                           const std::string& target);
void print_instance_restore(Output& output, const job::InstanceRestoreReport& report);
void print_drill(Output& output, const job::DrillReport& report);
void print_inspection(Output& output, const job::InspectedFile& file);

}  // namespace holdfast::cli

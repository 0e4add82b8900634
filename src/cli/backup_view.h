// SPDX-License-Identifier: Apache-2.0
// The result of a backup on paper: restic's summary as text or JSON.
#pragma once

#include "cli/output.h"
#include "job/files_backup.h"

namespace holdfast::cli {

void print_backup_report(Output& output, const job::FilesBackupReport& report);

// The members of restic's `summary` message, without message_type.
[[nodiscard]] Json backup_summary_json(const job::FilesBackupReport& report);

}  // namespace holdfast::cli

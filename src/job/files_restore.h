// SPDX-License-Identifier: Apache-2.0
// restore SNAPSHOT --target DIR: files out of a snapshot, as restic does it.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "archive/restorer.h"
#include "archive/snapshots.h"
#include "job/environment.h"

namespace holdfast::job {

struct FilesRestoreOptions {
  std::string snapshot;            // "latest", id or prefix, with an optional ":/sub/folder"
  archive::SnapshotFilter filter;  // for "latest"
  archive::RestoreOptions restore;
};

// Items that failed are reported to the observer and counted in the report. `begin` is called with
// the snapshot before anything is written.
[[nodiscard]] archive::RestoreReport restore_files(
    const Environment& environment, const RepositoryAccess& access,
    const FilesRestoreOptions& options, const std::function<void(const archive::Snapshot&)>& begin,
    model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

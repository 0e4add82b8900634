// SPDX-License-Identifier: Apache-2.0
// backup -I and export -I: a whole instance at one moment.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "job/backup_repositories.h"
#include "job/environment.h"
#include "job/preflight.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

class InstanceLock;

struct InstanceBackupOptions {
  std::vector<Acceptance> acceptances;
  std::vector<std::string> tags;       // added to `holdfast` and `profile=…`
  std::string host;                    // empty: this host
  bool scrub = false;                  // read every file again, whatever its metadata say
  const InstanceLock* lock = nullptr;  // of the instance, if the caller has it already
  // Repositories that get a copy of their own from the same read, beside the main one; of a backup.
  std::vector<RepositoryAccess> extra_repositories;
};

struct InstanceBackupReport {
  // Of the first repository that has one: the main one's unless that failed. None for an export.
  std::optional<format::Id> snapshot;
  format::SnapshotSummary summary;
  std::vector<RepositoryOutcome> repositories;  // the main one first; none for an export
  model::Manifest manifest;
  std::uint64_t stopped_ms = 0;  // how long the application was down
  // Why an after_backup hook failed; the work is done all the same. The run has failed.
  std::optional<Error> hook_failure;
};

// The order of docs/architecture "The order of a backup". Errc::blocked, not_consistent, … as told
// there. A result that is incomplete has manifest.complete false, or a repository without a
// snapshot, which ends no other (exit 3). However it fails, but for Errc::usage and while another
// job has the instance, the on_error hooks run.
[[nodiscard]] InstanceBackupReport backup_instance(
    const Environment& environment, const RepositoryAccess& access, const model::Instance& instance,
    const InstanceBackupOptions& options, model::Observer& observer, std::stop_source& stop);

// The same into a new directory as plain files: databases/, files/, holdfast.json, RESTORE.md.
// What speaks against the target is said before anything is copied or stopped, as of
// export_target.h: Errc::usage, not_found, exists, denied. On failure nothing of it stays.
[[nodiscard]] InstanceBackupReport export_instance(const Environment& environment,
                                                   const model::Instance& instance,
                                                   const std::filesystem::path& target,
                                                   const InstanceBackupOptions& options,
                                                   model::Observer& observer,
                                                   std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// restore -I, import -I and what drill shares with them: an instance out of a snapshot or an
// exported directory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "job/environment.h"
#include "job/preflight.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

class InstanceLock;

struct InstanceRestoreOptions {
  std::vector<std::string> components;  // empty: all
  std::vector<std::string> tables;      // "[SCHEMA.]T" or "SCHEMA.*"
  std::string workspace;                // only this one, into an instance that is there; empty: all
  bool replace = false;
  std::vector<Acceptance> acceptances;
  const InstanceLock* lock = nullptr;     // of the instance, if the caller has it already
  std::optional<std::uint64_t> sequence;  // of one database's log only the records up to this one
  // Of one database: its schema, in place of the source's; absolute. Empty: the source's.
  std::filesystem::path schema_file;
  bool data_only = false;  // of an import: the database is there, empty, and its schema stays
};

struct InstanceRestoreReport {
  model::Manifest manifest;  // of what was restored
  std::string role;          // "clone" or "replacement"
  std::vector<std::string>
      databases;  // "orders → sqlite:/srv/new/orders.db: 12 tables, 3,456 rows, digests equal"
  std::vector<std::string> files;
  std::vector<std::string> changed;  // of restored files what is other than it was, a line each
  std::vector<std::string> kept;  // what was there before, under its new name, and how to remove it
  std::vector<model::Finding> findings;
  std::vector<std::string> missing;  // what the result lacks, a line each; then it is incomplete
  // Why an after_restore hook failed; the work is done all the same. The run has failed.
  std::optional<Error> hook_failure;
};

// Preflight on the target, load into a fresh place, compare with the manifest, then switch. Nothing
// that exists is overwritten without options.replace. Interrupted: the journal puts back what was
// there. on_error hooks as with backup_instance().
[[nodiscard]] InstanceRestoreReport restore_instance(
    const Environment& environment, const RepositoryAccess& access, std::string_view snapshot,
    const model::Instance& target, const InstanceRestoreOptions& options, model::Observer& observer,
    std::stop_source& stop);

// From directories made by export or `restic restore`, or from single files an engine can import.
[[nodiscard]] InstanceRestoreReport import_instance(
    const Environment& environment, const std::vector<std::filesystem::path>& sources,
    const model::Instance& target, const InstanceRestoreOptions& options, model::Observer& observer,
    std::stop_source& stop);

}  // namespace holdfast::job

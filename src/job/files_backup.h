// SPDX-License-Identifier: Apache-2.0
// backup PATH…: file trees, or one stream, into a snapshot, as restic does it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "archive/snapshots.h"
#include "base/stream.h"
#include "job/environment.h"

namespace holdfast::job {

// What both forms say about their snapshot.
struct SnapshotLabels {
  std::vector<std::string> tags;
  std::string hostname;           // empty: this machine's
  std::optional<Timestamp> time;  // none: the start of the run
  bool dry_run = false;           // everything but writing; no lock is taken
};

struct FilesBackupOptions {
  std::vector<std::string> paths;     // as they were given: see archive::save_paths
  archive::ArchiveOptions archive;    // parent_tree is found by the job
  std::vector<std::string> excludes;  // patterns as the snapshot records them
  SnapshotLabels labels;
  std::string parent;                   // id or prefix; empty: the newest of the same group
  std::string group_by = "host,paths";  // what makes a snapshot a parent
  bool skip_if_unchanged = false;       // no snapshot if the tree equals the parent's
  bool scan = true;                     // count first what there is, for the remaining time
};

struct StreamBackupOptions {
  std::string path;                  // in the snapshot: "/stdin"
  ByteSource* source = nullptr;      // the bytes; or
  std::vector<std::string> command;  // a program whose standard output they are
  SnapshotLabels labels;
};

struct FilesBackupReport {
  std::optional<format::Id> snapshot;  // none: a dry run, or skipped
  std::optional<format::Id> parent;
  format::SnapshotSummary summary;
  bool dry_run = false;
  std::uint64_t items_failed = 0;    // left out, each reported to the observer
  std::vector<std::string> missing;  // of options.paths: not there, or out of reach
};

// Errc::not_found if none of the paths exists. Unreadable items are left out and counted.
[[nodiscard]] FilesBackupReport backup_files(const Environment& environment,
                                             const RepositoryAccess& access,
                                             const FilesBackupOptions& options,
                                             model::Observer& observer, std::stop_source& stop);

// Errc::failed_child if the command fails: then there is no snapshot.
[[nodiscard]] FilesBackupReport backup_stream(const Environment& environment,
                                              const RepositoryAccess& access,
                                              const StreamBackupOptions& options,
                                              model::Observer& observer, std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// What goes where when an instance is restored, and whether it may: the preflight of restore and
// import. Reads only.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "job/environment.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

struct DatabaseTarget {
  model::DatabaseFacts facts;  // what is loaded
  std::filesystem::path file;  // an imported file; empty: the parts of the source
  model::DatabaseSettings settings;
  model::Endpoint endpoint;
  const engine::Engine* engine = nullptr;
  engine::Probe probe;
  std::vector<model::TableName> tables;  // empty: all
};

struct PathTarget {
  std::string place;           // in the source
  std::filesystem::path path;  // absolute
  NodeCounts counts;           // of its content
};

struct FilesTarget {
  model::FilesFacts facts;
  std::vector<PathTarget> paths;
};

struct RestorePlan {
  std::string role;  // "clone" or "replacement"
  std::vector<DatabaseTarget> databases;
  std::vector<FilesTarget> files;
  std::vector<model::Finding> findings;  // sorted, acceptances applied; told to the observer
  std::vector<std::string> missing;      // what was asked for and cannot be restored, a line each
};

// Maps components to the target by name, the n-th path of a set of files to the n-th, and looks at
// every place. Errc::not_found naming the known ones for a component or table that the source has
// not.
[[nodiscard]] RestorePlan plan_restore(const Environment& environment, const InstanceSource& source,
                                       const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_token stop);

// The same for single files. Errc::usage if it cannot be told which file belongs to which database,
// or no engine knows one.
[[nodiscard]] RestorePlan plan_import(const Environment& environment,
                                      const std::vector<std::filesystem::path>& files,
                                      const model::Instance& target,
                                      const InstanceRestoreOptions& options,
                                      model::Observer& observer, std::stop_token stop);

// What load() is asked for, but where it may write and whom it tells.
[[nodiscard]] engine::LoadOptions load_options(const model::Instance& target,
                                               const InstanceRestoreOptions& options,
                                               const DatabaseTarget& database);

// Whether some engine knows a directory as a dump of its kind.
[[nodiscard]] bool is_dump(const std::filesystem::path& directory, const std::stop_token& stop);

// The file or directory of a database that lies in the file system of this machine; else empty.
[[nodiscard]] std::filesystem::path local_path(const model::Endpoint& endpoint);

// The directory itself, or the nearest one above it that is there.
[[nodiscard]] std::filesystem::path nearest_directory(const std::filesystem::path& path);
// Bytes that this process may still write there; nothing if that cannot be told.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::filesystem::path& directory);

}  // namespace holdfast::job

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

}  // namespace holdfast::job

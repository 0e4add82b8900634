// SPDX-License-Identifier: Apache-2.0
// What goes where when an instance is restored, and whether it may: the preflight of restore and
// import. Reads only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "job/environment.h"
#include "job/instance_restore.h"
#include "job/instance_source.h"
#include "job/preflight.h"
#include "model/conversion.h"
#include "model/instance.h"
#include "model/manifest.h"
#include "model/profile.h"

namespace holdfast::job {

struct DatabaseTarget {
  model::DatabaseFacts facts;  // what is loaded
  std::filesystem::path file;  // an imported file; empty: the parts of the source
  model::DatabaseSettings settings;
  model::Endpoint endpoint;
  const engine::Engine* engine = nullptr;
  engine::Probe probe;
  std::vector<model::TableName> tables;  // empty: all
  // Run in it once it is restored whole, before anybody sees it.
  std::vector<std::string> statements;
  engine::LoadOptions::NewUser new_user;
};

struct PathTarget {
  std::string place;           // in the source
  std::filesystem::path path;  // absolute
  NodeCounts counts;           // of its content
  // Where it is made, and what is there is kept; empty: beside it.
  std::filesystem::path aside = {};
};

struct FilesTarget {
  model::FilesFacts facts;
  std::vector<PathTarget> paths;
};

// A file that several share, named by its content: made where it is not there, never changed.
struct SharedFile {
  std::string place;           // in the source
  std::filesystem::path path;  // absolute
  std::uint64_t size_bytes = 0;
};

// A database that is made and filled with rows of others, as its engine sees the place.
struct NewDatabaseTarget {
  model::DatabaseSettings settings;
  model::Endpoint endpoint;
  const engine::Engine* engine = nullptr;  // null: `engine-missing`, a blocker
  engine::Probe probe;
};

struct RestorePlan {
  std::string role;  // "clone" or "replacement"
  std::vector<DatabaseTarget> databases;
  std::vector<FilesTarget> files;
  // Instead of `databases`, where they become others; else null and empty.
  std::shared_ptr<const model::Conversion> conversion;
  std::vector<NewDatabaseTarget> new_databases;  // in the order of conversion->databases()
  std::vector<model::Finding> findings;  // sorted, acceptances applied; told to the observer
  std::vector<std::string> missing;      // what was asked for and cannot be restored, a line each
  // What the application locks while it runs, where it will be; and whether somebody has one.
  std::vector<std::filesystem::path> locks;
  bool is_running = false;
  // With InstanceRestoreOptions::workspace.
  std::optional<model::Workspace> workspace;
  std::vector<SharedFile> shared;  // those that are missing
};

// Maps components to the target by name, the n-th path of a set of files to the n-th, and looks at
// every place. Errc::not_found naming the known ones for a component or table that the source has
// not.
[[nodiscard]] RestorePlan plan_restore(const Environment& environment, const InstanceSource& source,
                                       const model::Instance& target,
                                       const InstanceRestoreOptions& options,
                                       model::Observer& observer, std::stop_token stop);

// The same for a migration to databases of another kind: of `source` only files are restored, and
// `survey` says what it consists of. Errc::usage if something of the target is the source's.
[[nodiscard]] RestorePlan plan_conversion(const Environment& environment,
                                          const InstanceSource& source, const Survey& survey,
                                          std::shared_ptr<const model::Conversion> conversion,
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

// Adds to the findings of the plan where what it writes does not fit. `more`: what else is written,
// and where.
void check_space(RestorePlan& plan,
                 const std::vector<std::pair<std::filesystem::path, std::uint64_t>>& more = {});

// What load() is asked for, but where it may write and whom it tells.
[[nodiscard]] engine::LoadOptions load_options(const model::Instance& target,
                                               const InstanceRestoreOptions& options,
                                               const DatabaseTarget& database);

// limits.parallel, or as many as there are cores.
[[nodiscard]] unsigned parallel_of(const model::Instance& instance);

}  // namespace holdfast::job

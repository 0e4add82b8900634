// SPDX-License-Identifier: Apache-2.0
// What every job is given from outside: time, the repository opener, where state lies, who watches.
// Made once in cli/main.cc; tests make their own.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/timestamp.h"
#include "model/progress.h"
#include "repo/blob_writer.h"
#include "repo/lock.h"
#include "repo/open.h"

namespace holdfast::job {

struct Environment {
  Clock* clock = &system_clock();
  std::filesystem::path state_directory;  // HOLDFAST_STATE_DIR, else its default
  std::filesystem::path program;          // what guardians run as; empty: own_executable()
  std::string hostname, username;  // of this machine and process; for snapshots, keys and locks
  std::uint32_t uid = 0, gid = 0;
  repo::LockTimes lock_times;  // shortened by tests
  // Wraps every storage that is opened; fault tests. Empty in production.
  std::function<std::unique_ptr<storage::Storage>(std::unique_ptr<storage::Storage>)> wrap_storage;
};

// How to reach one repository: what the global options, environment and instance file said.
struct RepositoryAccess {
  std::string location;
  std::shared_ptr<const Secret> password;
  bool password_typed = false;  // somebody sits there and may be asked again if it is wrong
  std::string key_hint;
  bool no_lock = false;
  std::chrono::milliseconds retry_lock{0};
  std::filesystem::path cache_directory;               // empty: no cache
  std::uint64_t limit_upload = 0, limit_download = 0;  // bytes per second; 0: none
  unsigned connections = 0;
  format::Compression compression = format::Compression::automatic;
  std::size_t pack_size_bytes = 16U << 20U;
  bool verify = true;  // false: --no-extra-verify
  // Why it cannot be opened, if that is known before: its password cannot be had.
  std::optional<Error> failure;
};

enum class LockMode : std::uint8_t { none, shared, exclusive };

// An open repository with the lock the job needs. Members are destroyed in the right order: lock
// first.
struct OpenedRepository {
  std::unique_ptr<repo::Repository> repository;
  std::unique_ptr<repo::Lock> lock;  // null: LockMode::none, or no_lock
};

// The location with its limits, cache and wrappers, as repo::open and repo::init take it.
[[nodiscard]] repo::Location make_location(const Environment& environment,
                                           const RepositoryAccess& access, std::stop_token stop);
// How blobs are written for this access.
[[nodiscard]] repo::WriterOptions make_writer_options(const Environment& environment,
                                                      const RepositoryAccess& access, bool dry_run);
// What snapshots of this program say: "holdfast 0.1.0".
[[nodiscard]] std::string program_version_text();

// Opens and locks. `stop` is requested when the lock is lost. Errc::no_repository, wrong_password,
// locked, …; access.failure.
[[nodiscard]] OpenedRepository open_repository(const Environment& environment,
                                               const RepositoryAccess& access, LockMode mode,
                                               std::stop_source& stop);

}  // namespace holdfast::job

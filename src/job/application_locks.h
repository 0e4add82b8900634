// SPDX-License-Identifier: Apache-2.0
// Files that an application keeps locked while it runs, as its profile names them: asking who has
// them where an instance is restored, and having them until the restored one may start.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/embedded/file_lock.h"
#include "model/finding.h"
#include "model/instance.h"
#include "model/manifest.h"

namespace holdfast::job {

struct RestorePlan;
struct Survey;

// What somebody has locked as long as the application runs that is copied, or replaced: the files
// that its profile names, and those of its embedded databases.
[[nodiscard]] std::vector<std::filesystem::path> locks_of(const Survey& survey);
[[nodiscard]] std::vector<std::filesystem::path> locks_of(const RestorePlan& plan);

// Waits until nobody has any of them, until `deadline` at most; it looks once at least. Then who
// still has one and which, "pid 123 (java app.jar) has /srv/app/.lock". Errc::denied, cancelled.
[[nodiscard]] std::optional<std::string> wait_until_free(
    const std::vector<std::filesystem::path>& places,
    std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);

// Where the lock files are, each once: of the copy, by where its files go; and of the application
// that is at the target's home now.
[[nodiscard]] std::vector<std::filesystem::path> lock_places(const model::Manifest& manifest,
                                                             const model::Instance& target,
                                                             const RestorePlan& plan);

// Whether the directory of `place` lies below `root`, or is it, whatever links say: a copy may
// bring links that lead anywhere.
[[nodiscard]] bool is_really_below(const std::filesystem::path& place,
                                   const std::filesystem::path& root);

struct LockFindings {
  bool is_running = false;               // somebody has one of them
  std::vector<model::Finding> findings;  // blockers, but where the application `is_stopped` for it
};
[[nodiscard]] LockFindings find_holders(const std::vector<std::filesystem::path>& places,
                                        bool is_stopped);

// Locks that keep an application from starting. Let go with the object; files that were made for it
// are removed.
class ApplicationLocks {
 public:
  // Takes it, making the file if need be; nothing where its directory is not there or is empty.
  // Errc::unavailable naming who has it, denied.
  void take(const std::filesystem::path& place);
  // All that lay at `from` is at `to` now.
  void moved(const std::filesystem::path& from, const std::filesystem::path& to);
  // All is where it was when it was taken, or gone.
  void put_back();
  void release() noexcept { taken_.clear(); }

 private:
  struct Taken {
    std::filesystem::path place;
    engine::embedded::FileLock lock;
  };
  std::vector<Taken> taken_;
};

}  // namespace holdfast::job

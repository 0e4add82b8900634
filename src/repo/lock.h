// SPDX-License-Identifier: Apache-2.0
// restic's locks: who may write now, and who alone.
//
// Source: restic internal/repository/lock.go, lock_file.go; docs/format.md "Locks".
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "format/lock_file.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct LockTimes {  // shortened by tests
  std::chrono::milliseconds refresh{300'000};
  std::chrono::milliseconds lost_after{1'350'000};  // 22.5 min without a refresh
  std::chrono::milliseconds stale_after{1'800'000};
  std::chrono::milliseconds ask{1'000};  // check() asks the repository at most that often
  // How long to wait before each further try to read a lock file that cannot be read: it may be
  // half written.
  std::vector<std::chrono::milliseconds> unreadable_waits{
      std::chrono::seconds(5), std::chrono::seconds(10), std::chrono::seconds(20)};
};

struct LockOptions {
  bool exclusive = false;
  std::chrono::milliseconds retry{0};  // --retry-lock: waits 5 s doubling to 60 s
  LockTimes times;
  // Called on the refreshing thread when the lock can no longer be vouched for; must stop all
  // writing.
  std::function<void()> on_lost;
};

// Holds a lock and refreshes it from a thread of its own (write the new file, then remove the old).
// The destructor removes it.
class Lock {
 public:
  // Errc::locked, naming holder (host, user, pid, age, exclusive or not), if another stands in the
  // way; staleness is not considered, as in restic: `unlock` removes stale ones.
  [[nodiscard]] static std::unique_ptr<Lock> acquire(Repository& repository,
                                                     const LockOptions& options,
                                                     std::stop_token stop = {});
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  // Throws Errc::locked if the lock was lost: call before removing anything. Asks the repository
  // whether the lock's file is still there, unless it did so a moment ago; errors of the storage.
  void check() const;
  // The same, and always asks. A lock's file never comes back, so if it is there now, the lock was
  // held without a gap until now, however long this process or its machine stood still.
  void confirm() const;
  // Whether this lock's file is in `other` too: then that is the same repository, whatever its
  // location is called. Errors of the storage.
  [[nodiscard]] bool is_in(Repository& other) const;

 private:
  Lock() = default;
  struct State;
  std::unique_ptr<State> state_;
};

// Saves an index file or a snapshot, which others rely on as soon as it is there. The lock is
// confirmed before and after: if it was lost in between, a prune may have removed what the file
// names, so the file is removed again and Errc::locked thrown. Without a lock, as save_unpacked().
format::Id save_under_lock(Repository& repository, const Lock* lock, storage::FileKind kind,
                           std::string_view json);

// Removes stale locks (older than 30 min, or of a process of this host that is gone), or all of
// them. How many were removed. Unreadable lock files count as stale only with `all`.
unsigned unlock(Repository& repository, bool all, const LockTimes& times = {});

}  // namespace holdfast::repo

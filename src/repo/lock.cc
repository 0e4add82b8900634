// SPDX-License-Identifier: Apache-2.0
// Lock files: taking one among others, keeping it fresh, judging those of others.
#include "repo/lock.h"

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::LockFile;
using std::chrono::milliseconds;
using storage::FileKind;

constexpr milliseconds first_retry_wait{5'000};
constexpr milliseconds retry_wait_max{60'000};
constexpr milliseconds refresh_look_max{30'000};

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string user_name() {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return fmt::to_string(::getuid());
}

LockFile own_lock(bool exclusive) {
  LockFile lock;
  lock.time = system_clock().now();
  lock.exclusive = exclusive;
  lock.hostname = host_name();
  lock.username = user_name();
  lock.pid = ::getpid();
  lock.uid = ::getuid();
  lock.gid = ::getgid();
  return lock;
}

milliseconds age(const LockFile& lock) {
  const Timestamp now = system_clock().now();
  return std::chrono::duration_cast<milliseconds>(
      std::chrono::seconds(now.seconds - lock.time.seconds));
}

std::string age_for_people(const LockFile& lock) {
  const std::int64_t seconds = std::max<std::int64_t>(age(lock).count() / 1000, 0);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86'400) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86'400);
}

Error locked_by(const LockFile& lock) {
  return Error(Errc::locked,
               fmt::format("repository is already locked{} by PID {} on {} by {} (created {} ago)",
                           lock.exclusive ? " exclusively" : "", lock.pid, lock.hostname,
                           lock.username, age_for_people(lock)))
      .set_hint(
          "Run `holdfast unlock` if no other run is active; it removes locks that are stale.");
}

// Waits unless stopped before or meanwhile.
void wait_or_stop(milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, duration, [] { return false; });
  if (stop.stop_requested())
    throw Error(Errc::cancelled, "interrupted while locking the repository");
}

struct FoundLock {
  Id id;
  LockFile file;
};

// The lock in a file, or nothing if it has gone meanwhile. Throws what makes it unreadable.
std::optional<LockFile> read_lock(Repository& repository, const Id& id) {
  try {
    const Bytes json = repository.load_unpacked(FileKind::lock, id);
    return in_context(fmt::format("reading lock {}", id.hex()),
                      [&] { return format::parse_lock_file(as_text(json)); });
  } catch (const Error& error) {  // gone meanwhile is an answer, not a failure
    const bool is_gone = error.code() == Errc::not_found ||
                         !repository.storage().size_bytes({FileKind::lock, id.hex()});
    if (!is_gone) throw;
    return std::nullopt;
  }
}

std::vector<Id> lock_ids(Repository& repository) {
  std::vector<Id> ids;
  repository.storage().list(FileKind::lock, [&](const storage::FoundFile& found) {
    // An empty one is what a full disk or a crash left behind; it says nothing.
    if (found.size_bytes == 0) return;
    if (const std::optional<Id> id = format::parse_id(found.file.name)) ids.push_back(*id);
  });
  return ids;
}

// Throws Errc::locked for the first lock of others that stands in the way.
void check_others(Repository& repository, bool exclusive, const std::optional<Id>& own) {
  for (const Id& id : lock_ids(repository)) {
    if (own && id == *own) continue;
    const std::optional<LockFile> other = read_lock(repository, id);
    if (other && (exclusive || other->exclusive)) throw locked_by(*other);
  }
}

// The same, with patience for lock files that cannot be read yet.
void check_others_patiently(Repository& repository, const LockOptions& options,
                            const std::optional<Id>& own, const std::stop_token& stop) {
  for (std::size_t tried = 0;; ++tried) {
    try {
      return check_others(repository, options.exclusive, own);
    } catch (const Error& error) {  // unreadable may mean half written: tried again, then said
      if (error.code() != Errc::corrupt) throw;
      if (tried >= options.times.unreadable_waits.size()) {
        throw Error(Errc::locked,
                    fmt::format("a lock of the repository cannot be read: {}", error.message()))
            .set_hint("Run `holdfast unlock --remove-all` if no other run is active.");
      }
    }
    wait_or_stop(options.times.unreadable_waits[tried], stop);
  }
}

// A lock file of ours that is removed again unless it is kept.
class OwnFile {
 public:
  OwnFile(Repository& repository, bool exclusive)
      : repository_(repository),
        id_(repository.save_unpacked(FileKind::lock, format::to_json(own_lock(exclusive)))) {}
  ~OwnFile() {
    if (!is_kept_) remove_quietly(repository_, id_);
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;

  [[nodiscard]] const Id& id() const noexcept { return id_; }
  [[nodiscard]] Id keep() noexcept {
    is_kept_ = true;
    return id_;
  }

  static void remove_quietly(Repository& repository, const Id& id) noexcept {
    try {
      repository.remove(FileKind::lock, id);
    } catch (
        const std::exception& failure) {  // becomes a line; the lock will be stale in half an hour
      log(LogLevel::warn, "a lock could not be removed",
          {{"lock", id.hex()}, {"reason", failure.what()}});
    }
  }

 private:
  Repository& repository_;
  const Id id_;
  bool is_kept_ = false;
};

Id acquire_once(Repository& repository, const LockOptions& options, const std::stop_token& stop) {
  check_others_patiently(repository, options, std::nullopt, stop);
  OwnFile own(repository, options.exclusive);
  // Whoever looked before our file was there has written his by now.
  wait_or_stop(options.times.settle, stop);
  check_others_patiently(repository, options, own.id(), stop);
  return own.keep();
}

bool is_stale(const LockFile& lock, const LockTimes& times) {
  if (age(lock) > times.stale_after) return true;
  if (lock.hostname != host_name() || lock.pid <= 0) return false;
  // Signal 0 only asks; the holder must not be disturbed, and one of another user is there as well.
  return ::kill(static_cast<pid_t>(lock.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace

struct Lock::State {
  State(Repository& repository_in, const LockOptions& options_in, const Id& id_in)
      : repository(repository_in), options(options_in), id(id_in) {}

  Repository& repository;
  const LockOptions options;
  std::atomic<bool> is_lost{false};
  std::mutex mutex;  // guards all below, and is held while refreshing
  Id id;
  std::chrono::steady_clock::time_point refreshed = std::chrono::steady_clock::now();
  Timestamp refreshed_at = system_clock().now();
  std::condition_variable_any stopped;
  std::jthread refresher;  // last: it uses all of the above

  // By the clock that sees most: the steady one stands still while the machine sleeps, the other
  // may be set back.
  [[nodiscard]] milliseconds since_refresh() const {
    const auto steady =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - refreshed);
    const Timestamp now = system_clock().now();
    const milliseconds wall((now.seconds - refreshed_at.seconds) * 1000 +
                            (now.nanoseconds - refreshed_at.nanoseconds) / 1'000'000);
    return std::max(steady, wall);
  }

  void lose(std::string_view why);
  void refresh();
  void try_refresh();
  void keep_fresh(const std::stop_token& stop);
  void check();
};

void Lock::State::lose(std::string_view why) {
  if (is_lost.exchange(true)) return;
  log(LogLevel::error, "the repository lock is lost",
      {{"lock", id.hex()}, {"reason", std::string(why)}});
  if (options.on_lost) options.on_lost();
}

// With `mutex` held. If our file is gone, somebody took us for dead and may have removed what we
// rely on.
void Lock::State::refresh() {
  if (!repository.storage().size_bytes({FileKind::lock, id.hex()})) {
    return lose("its file was removed by another program");
  }
  const Id next =
      repository.save_unpacked(FileKind::lock, format::to_json(own_lock(options.exclusive)));
  OwnFile::remove_quietly(repository, std::exchange(id, next));
  refreshed = std::chrono::steady_clock::now();
  refreshed_at = system_clock().now();
}

void Lock::State::try_refresh() {
  try {
    refresh();
  } catch (const Error& failure) {  // becomes a line; tried again until the lock counts as lost
    log(LogLevel::warn, "the repository lock could not be refreshed", {{"reason", failure.what()}});
  }
  if (since_refresh() >= options.times.lost_after) lose("it could not be refreshed in time");
}

void Lock::State::keep_fresh(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  milliseconds next = options.times.refresh;
  while (!is_lost && !stop.stop_requested()) {
    // Looks at the clocks more often than it refreshes: after the machine slept, waiting goes on
    // where it was.
    const milliseconds wait = std::clamp(next - since_refresh(), milliseconds(1),
                                         std::max(refresh_look_max, milliseconds(1)));
    stopped.wait_for(lock, stop, wait, [] { return false; });
    if (stop.stop_requested() || since_refresh() < next) continue;
    try_refresh();
    // After a failure: again after a tenth of the usual time.
    next = since_refresh() < options.times.refresh ? options.times.refresh
                                                   : since_refresh() + options.times.refresh / 10;
  }
}

void Lock::State::check() {
  if (!is_lost) {
    const std::lock_guard lock(mutex);
    if (since_refresh() >= options.times.lost_after) try_refresh();
  }
  if (is_lost) {
    throw Error(Errc::locked, "the lock of the repository was lost; nothing more is written")
        .set_hint("Run the command again; what was stored already is not stored twice.");
  }
}

std::unique_ptr<Lock> Lock::acquire(Repository& repository, const LockOptions& options,
                                    std::stop_token stop) {
  const auto begin = std::chrono::steady_clock::now();
  milliseconds wait = first_retry_wait;
  std::optional<Id> id;
  while (!id) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, "interrupted while locking the repository");
    try {
      id = acquire_once(repository, options, stop);
    } catch (const Error& error) {  // taken is an answer as long as there is time to try again
      const auto waited =
          std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
      if (error.code() != Errc::locked || waited >= options.retry) throw;
      wait = std::min({wait, options.retry - waited, retry_wait_max});
    }
    if (id) break;
    wait_or_stop(wait, stop);
    wait *= 2;
  }
  std::unique_ptr<Lock> lock(new Lock());
  lock->state_ = std::make_unique<State>(repository, options, *id);
  State& state = *lock->state_;
  state.refresher =
      std::jthread([&state](const std::stop_token& thread_stop) { state.keep_fresh(thread_stop); });
  return lock;
}

Lock::~Lock() {
  if (!state_) return;
  state_->refresher.request_stop();
  if (state_->refresher.joinable()) state_->refresher.join();
  OwnFile::remove_quietly(state_->repository, state_->id);
}

void Lock::check() const {
  state_->check();
}

unsigned unlock(Repository& repository, bool all, const LockTimes& times) {
  unsigned removed = 0;
  for (const Id& id : repository.list(FileKind::lock)) {
    if (!all) {
      std::optional<LockFile> lock;
      try {
        lock = read_lock(repository, id);
      } catch (const Error& error) {  // becomes a line: only `all` removes what cannot be read
        if (error.code() != Errc::corrupt) throw;
        log(LogLevel::warn, "a lock cannot be read and is left",
            {{"lock", id.hex()}, {"reason", error.what()}});
      }
      if (!lock || !is_stale(*lock, times)) continue;
    }
    repository.remove(FileKind::lock, id);
    ++removed;
  }
  return removed;
}

}  // namespace holdfast::repo

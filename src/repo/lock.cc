// SPDX-License-Identifier: Apache-2.0
// Lock files: taking one among others, keeping it fresh, judging those of others.
#include "repo/lock.h"

#include <fmt/format.h>
#include <pwd.h>
#include <signal.h>
#include <time.h>
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
constexpr unsigned looks_max = 10;

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

// A moment, and how long it is ago by the clock that sees most: the one counts while the machine
// sleeps and cannot be set; the other runs on where a virtual machine is paused, once it is told.
class Stamp {
 public:
  Stamp() : since_boot_(since_boot()), wall_(system_clock().now()) {}
  [[nodiscard]] milliseconds age() const {
    const Timestamp now = system_clock().now();
    const milliseconds wall((now.seconds - wall_.seconds) * 1000 +
                            (now.nanoseconds - wall_.nanoseconds) / 1'000'000);
    return std::max(since_boot() - since_boot_, wall);
  }

 private:
  [[nodiscard]] static milliseconds since_boot() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return milliseconds(now.tv_sec * 1000 + now.tv_nsec / 1'000'000);
  }
  milliseconds since_boot_;
  Timestamp wall_;
};

bool is_lock(Repository& repository, const Id& id) {
  return repository.storage().size_bytes({FileKind::lock, id.hex()}).has_value();
}

// The lock in a file, or nothing if it has gone meanwhile. Throws what makes it unreadable.
std::optional<LockFile> read_lock(Repository& repository, const Id& id) {
  try {
    const Bytes json = repository.load_unpacked(FileKind::lock, id);
    return in_context(fmt::format("reading lock {}", id.hex()),
                      [&] { return format::parse_lock_file(as_text(json)); });
  } catch (const Error& error) {  // gone meanwhile is an answer, not a failure
    const bool is_gone = error.code() == Errc::not_found || !is_lock(repository, id);
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
  // One that goes while it is looked at may have been refreshed: its successor came after the
  // listing.
  for (unsigned look = 0; look < looks_max; ++look) {
    bool is_gone = false;
    for (const Id& id : lock_ids(repository)) {
      if (own && id == *own) continue;
      const std::optional<LockFile> other = read_lock(repository, id);
      if (other && (exclusive || other->exclusive)) throw locked_by(*other);
      if (!other) is_gone = true;
    }
    if (!is_gone) return;
  }
  throw Error(Errc::locked, "locks of the repository come and go too fast to be judged")
      .set_hint("Run it again when fewer runs begin and end, or give --retry-lock.");
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

// A lock that stays will be stale in half an hour; the log tells.
void remove_quietly(Repository& repository, FileKind kind, const Id& id) noexcept {
  try {
    repository.remove(kind, id);
  } catch (const std::exception& failure) {  // becomes a line
    log(LogLevel::warn, "a file of ours could not be removed from the repository",
        {{"kind", std::string(storage::file_kind_name(kind))},
         {"file", id.hex()},
         {"reason", failure.what()}});
  }
}

// A lock file of ours that is removed again unless it is kept.
class OwnFile {
 public:
  OwnFile(Repository& repository, bool exclusive)
      : repository_(repository),
        id_(repository.save_unpacked(FileKind::lock, format::to_json(own_lock(exclusive)))) {}
  ~OwnFile() {
    if (!is_kept_) remove_quietly(repository_, FileKind::lock, id_);
  }
  OwnFile(const OwnFile&) = delete;
  OwnFile& operator=(const OwnFile&) = delete;

  [[nodiscard]] const Id& id() const noexcept { return id_; }
  // A little earlier than the time that stands in the file, however long storing it took.
  [[nodiscard]] const Stamp& stamp() const noexcept { return stamp_; }
  [[nodiscard]] bool is_there() const { return is_lock(repository_, id_); }
  void keep() noexcept { is_kept_ = true; }

 private:
  Repository& repository_;
  const Stamp stamp_;
  const Id id_;  // after the stamp
  bool is_kept_ = false;
};

struct Held {
  Id id;
  Stamp stamp;
};

Held acquire_once(Repository& repository, const LockOptions& options, const std::stop_token& stop) {
  check_others_patiently(repository, options, std::nullopt, stop);
  OwnFile own(repository, options.exclusive);
  // Of two who both look after they have written, one at least sees the other: a storage lists what
  // is stored from that moment on.
  check_others_patiently(repository, options, own.id(), stop);
  // Whoever slept so long that his file counted as stale has none any more.
  if (!own.is_there()) {
    throw Error(Errc::locked, "the lock was removed by another program while it was taken")
        .set_hint("Run the command again.");
  }
  own.keep();
  return {own.id(), own.stamp()};
}

bool is_stale(const LockFile& lock, const LockTimes& times) {
  if (age(lock) > times.stale_after) return true;
  if (lock.hostname != host_name() || lock.pid <= 0) return false;
  // Signal 0 only asks; the holder must not be disturbed, and one of another user is there as well.
  return ::kill(static_cast<pid_t>(lock.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace

struct Lock::State {
  State(Repository& repository_in, const LockOptions& options_in, const Held& held)
      : repository(repository_in), options(options_in), id(held.id), refreshed(held.stamp) {}

  Repository& repository;
  const LockOptions options;
  std::atomic<bool> is_lost{false};
  std::mutex mutex;  // guards all below, and is held while refreshing
  Id id;
  Stamp refreshed;             // by the time in the lock file, which is what others go by
  std::optional<Stamp> asked;  // when our file was seen last
  std::condition_variable_any stopped;
  std::jthread refresher;  // last: it uses all of the above

  void lose(std::string_view why);
  // With `mutex` held:
  void refresh();
  void try_refresh();
  void ask();

  void keep_fresh(const std::stop_token& stop);
  void check(bool asks);
};

void Lock::State::lose(std::string_view why) {
  if (is_lost.exchange(true)) return;
  log(LogLevel::error, "the repository lock is lost",
      {{"lock", id.hex()}, {"reason", std::string(why)}});
  if (options.on_lost) options.on_lost();
}

// If our file is gone, somebody took us for dead and may have removed what we rely on.
void Lock::State::ask() {
  if (is_lost) return;
  if (!is_lock(repository, id)) return lose("its file was removed by another program");
  asked.emplace();
}

void Lock::State::refresh() {
  ask();
  if (is_lost) return;
  OwnFile next(repository, options.exclusive);
  // The old file must have been there until the new one was, or the exclusive lock of another fits
  // between them.
  ask();
  if (is_lost) return;
  next.keep();
  remove_quietly(repository, FileKind::lock, std::exchange(id, next.id()));
  refreshed = next.stamp();
}

void Lock::State::try_refresh() {
  try {
    refresh();
  } catch (const Error& failure) {  // becomes a line; tried again until the lock counts as lost
    log(LogLevel::warn, "the repository lock could not be refreshed", {{"reason", failure.what()}});
  }
  if (refreshed.age() >= options.times.lost_after) lose("it could not be refreshed in time");
}

void Lock::State::keep_fresh(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  milliseconds next = options.times.refresh;
  while (!is_lost && !stop.stop_requested()) {
    // Looks at the clocks more often than it refreshes: after the machine slept, waiting goes on
    // where it was.
    const milliseconds wait = std::clamp(next - refreshed.age(), milliseconds(1),
                                         std::max(refresh_look_max, milliseconds(1)));
    stopped.wait_for(lock, stop, wait, [] { return false; });
    if (stop.stop_requested() || refreshed.age() < next) continue;
    try_refresh();
    // After a failure: again after a tenth of the usual time.
    next = refreshed.age() < options.times.refresh ? options.times.refresh
                                                   : refreshed.age() + options.times.refresh / 10;
  }
}

void Lock::State::check(bool asks) {
  if (!is_lost) {
    const std::lock_guard lock(mutex);
    if (refreshed.age() >= options.times.lost_after) try_refresh();
    if (asks || !asked || asked->age() >= options.times.ask) ask();
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
  std::optional<Held> held;
  while (!held) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, "interrupted while locking the repository");
    try {
      held = acquire_once(repository, options, stop);
    } catch (const Error& error) {  // taken is an answer as long as there is time to try again
      const auto waited =
          std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
      if (error.code() != Errc::locked || waited >= options.retry) throw;
      wait = std::min({wait, options.retry - waited, retry_wait_max});
    }
    if (held) break;
    wait_or_stop(wait, stop);
    wait *= 2;
  }
  std::unique_ptr<Lock> lock(new Lock());
  lock->state_ = std::make_unique<State>(repository, options, *held);
  State& state = *lock->state_;
  state.refresher =
      std::jthread([&state](const std::stop_token& thread_stop) { state.keep_fresh(thread_stop); });
  return lock;
}

Lock::~Lock() {
  if (!state_) return;
  state_->refresher.request_stop();
  if (state_->refresher.joinable()) state_->refresher.join();
  remove_quietly(state_->repository, FileKind::lock, state_->id);
}

void Lock::check() const {
  state_->check(false);
}

void Lock::confirm() const {
  state_->check(true);
}

bool Lock::is_in(Repository& other) const {
  const std::lock_guard guard(state_->mutex);
  return is_lock(other, state_->id);
}

Id save_under_lock(Repository& repository, const Lock* lock, FileKind kind, std::string_view json) {
  if (lock == nullptr) return repository.save_unpacked(kind, json);
  lock->confirm();
  const Id id = repository.save_unpacked(kind, json);
  try {
    lock->confirm();
  } catch (const Error& error) {  // nobody may rely on it
    if (error.code() == Errc::locked) remove_quietly(repository, kind, id);
    throw;
  }
  return id;
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

// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/locks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace holdfast::engine::sqlite {
namespace {

struct Range {
  off_t first;
  off_t count;
};
constexpr Range pending{0x40000000, 1};
constexpr Range reserved{0x40000001, 1};
constexpr Range shared{0x40000002, 510};
constexpr off_t shm_first_read_lock = 123;
constexpr off_t shm_read_locks = 5;

struct flock lock_of(Range range, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = range.first;
  lock.l_len = range.count;
  return lock;
}

bool try_lock(int fd, Range range, short type) {
  struct flock lock = lock_of(range, type);
  int result = -1;
  do {
    result = ::fcntl(fd, F_OFD_SETLK, &lock);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw system_error(errno, "locking a database file");
}

// The lock that stands in the way of `type`, if there is one.
std::optional<short> obstacle(int fd, Range range, short type) {
  struct flock lock = lock_of(range, type);
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0)
    throw system_error(errno, "asking for locks of a database file");
  if (lock.l_type == F_UNLCK) return std::nullopt;
  return lock.l_type;
}

std::string process_name(const std::filesystem::path& process) {
  std::string name = fmt::format("pid {}", process.filename().native());
  const std::optional<Fd> file = try_open_file(process / "comm", O_RDONLY);
  if (!file) return name;
  std::array<std::byte, 64> text{};
  const ssize_t count =
      ::read(file->get(), text.data(), text.size());  // ESRCH if it ended meanwhile
  if (count <= 0) return name;
  std::string_view comm = as_text(ByteView(text).first(static_cast<std::size_t>(count)));
  comm = comm.substr(0, comm.find('\n'));
  return fmt::format("{} ({})", name, comm);
}

bool has_open(const std::filesystem::path& process, std::uint64_t device, std::uint64_t inode) {
  std::error_code failure;
  std::filesystem::directory_iterator descriptors(process / "fd", failure);
  if (failure) return false;
  for (; descriptors != std::filesystem::directory_iterator(); descriptors.increment(failure)) {
    if (failure) return false;
    struct stat found {};
    if (::stat(descriptors->path().c_str(), &found) != 0) continue;
    if (found.st_dev == device && found.st_ino == inode) return true;
  }
  return false;
}

}  // namespace

bool try_lock_shared(int database_fd) {
  // As SQLite does: PENDING in passing, so that a writer who waits for readers to leave is not
  // overtaken for ever.
  if (!try_lock(database_fd, pending, F_RDLCK)) return false;
  const bool taken = try_lock(database_fd, shared, F_RDLCK);
  static_cast<void>(try_lock(database_fd, pending, F_UNLCK));
  return taken;
}

bool try_lock_exclusive(int database_fd) {
  const bool taken = try_lock(database_fd, pending, F_WRLCK) &&
                     try_lock(database_fd, reserved, F_WRLCK) &&
                     try_lock(database_fd, shared, F_WRLCK);
  if (!taken) let_go(database_fd);
  return taken;
}

bool writer_has_lock(int database_fd) {
  return obstacle(database_fd, reserved, F_WRLCK) || obstacle(database_fd, pending, F_WRLCK);
}

bool anybody_has_lock(int database_fd) {
  return writer_has_lock(database_fd) || obstacle(database_fd, shared, F_WRLCK);
}

void lock_like_readers(int shm_fd) {
  for (off_t slot = 0; slot < shm_read_locks; ++slot) {
    const Range byte{shm_first_read_lock + slot, 1};
    if (obstacle(shm_fd, byte, F_WRLCK) != F_RDLCK) continue;
    // Not had: the slot has just become a writer's, so it was not the lock of a reader who stays.
    static_cast<void>(try_lock(shm_fd, byte, F_RDLCK));
  }
}

void let_go(int fd) noexcept {
  struct flock lock {};
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  static_cast<void>(::fcntl(fd, F_OFD_SETLK, &lock));
}

std::vector<std::string> who_has_open(std::uint64_t device, std::uint64_t inode) {
  std::vector<std::string> found;
  const std::string self = std::to_string(::getpid());
  std::error_code failure;
  std::filesystem::directory_iterator processes("/proc", failure);
  for (; !failure && processes != std::filesystem::directory_iterator();
       processes.increment(failure)) {
    const std::string name = processes->path().filename().native();
    const bool is_process =
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_process || name == self) continue;
    if (has_open(processes->path(), device, inode))
      found.push_back(process_name(processes->path()));
  }
  return found;
}

}  // namespace holdfast::engine::sqlite

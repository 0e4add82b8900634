// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace holdfast::engine::embedded {
namespace {

constexpr std::size_t command_bytes_max = 160;
constexpr std::size_t command_line_bytes_max = 256U << 10U;
constexpr int tries_max = 10;

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool try_lock(int fd, short type, std::string_view path) {
  struct flock lock = whole_file(type);
  int result = -1;
  do {
    result = ::fcntl(fd, F_OFD_SETLK, &lock);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  throw system_error(errno, fmt::format("locking {}", path));
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, command_bytes_max));
  const bool ascii_only = !is_utf8(out);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f || (ascii_only && byte >= 0x80)) c = '?';
  }
  return out;
}

// `line` is words, each with a zero byte at its end.
std::string summary_of(std::string_view line) {
  std::string_view program;
  bool is_value = false;  // of the option before it
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find('\0'));
    line.remove_prefix(std::min(line.size(), word.size() + 1));
    if (program.empty()) {
      program = word.substr(word.rfind('/') + 1);
    } else if (is_value) {
      is_value = false;
    } else if (word.starts_with('-')) {
      is_value = word == "-cp" || word == "-classpath" || word == "--class-path" || word == "-p" ||
                 word == "--module-path";
    } else {
      return fmt::format("{} {}", program, word);
    }
  }
  return std::string(program);
}

std::string command_of(pid_t pid) {
  const std::optional<Fd> file = try_open_file(fmt::format("/proc/{}/cmdline", pid), O_RDONLY);
  if (!file) return {};
  std::vector<std::byte> line(command_line_bytes_max);
  std::size_t have = 0;
  while (have < line.size()) {
    const ssize_t count = ::read(file->get(), line.data() + have, line.size() - have);
    if (count <= 0) break;  // ESRCH if it has ended
    have += static_cast<std::size_t>(count);
  }
  return printable(summary_of(as_text(ByteView(line).first(have))));
}

bool has_open(const std::filesystem::path& process, const struct stat& wanted) {
  std::error_code failure;
  std::filesystem::directory_iterator descriptors(process / "fd", failure);
  for (; !failure && descriptors != std::filesystem::directory_iterator();
       descriptors.increment(failure)) {
    struct stat found {};
    if (::stat(descriptors->path().c_str(), &found) != 0) continue;
    if (found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino) return true;
  }
  return false;
}

// Which other process has the file open: descriptors of other users are seen by root only.
std::optional<pid_t> who_has_open(const struct stat& wanted) {
  std::error_code failure;
  std::filesystem::directory_iterator processes("/proc", failure);
  for (; !failure && processes != std::filesystem::directory_iterator();
       processes.increment(failure)) {
    const std::string name = processes->path().filename().native();
    const bool is_process =
        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_process || name.size() > 9) continue;
    const auto pid = static_cast<pid_t>(std::stol(name));
    if (pid != ::getpid() && has_open(processes->path(), wanted)) return pid;
  }
  return std::nullopt;
}

// Whoever opens a database as its owner must be able to open the lock file too: Derby takes one
// that it may not open for a file system without locks, and goes on.
void give_to_owner_of_directory(int fd, const std::filesystem::path& path) {
  struct stat directory {};
  if (::stat(path.parent_path().c_str(), &directory) != 0)
    throw system_error(errno, fmt::format("looking at {}", path.parent_path().native()));
  const bool given =
      directory.st_uid == ::geteuid() || ::fchown(fd, directory.st_uid, directory.st_gid) == 0;
  if (::fchmod(fd, given ? 0600 : 0666) != 0)
    throw system_error(errno, fmt::format("giving {} away", path.native()));
}

// A file of that content under that name from its first moment on, and locked: Derby takes an empty
// one for a lock that does not hold. Nothing if the name is taken.
std::optional<Fd> make_locked(const FileLock::Wanted& wanted) {
  std::array<std::byte, 6> random{};
  fill_random(random);
  const std::string name = wanted.path.native() + ".holdfast-" + to_hex(ByteView(random));
  Fd file = open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  struct Remove {
    const std::string& name;
    ~Remove() { static_cast<void>(::unlink(name.c_str())); }
  } const remove{name};
  give_to_owner_of_directory(file.get(), wanted.path);
  write_all(file.get(), as_bytes(wanted.content), name);
  check_rule(try_lock(file.get(), F_WRLCK, name), "nobody else knows a file that was just made");
  if (::link(name.c_str(), wanted.path.c_str()) == 0) return file;
  if (errno == EEXIST) return std::nullopt;
  throw system_error(errno, fmt::format("making {}", wanted.path.native()));
}

struct Opened {
  Fd file;
  bool writable = true;
};

std::optional<Opened> open_there(const std::filesystem::path& path) {
  try {
    std::optional<Fd> file = try_open_file(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!file) return std::nullopt;
    return Opened{std::move(*file), true};
  } catch (const Error& error) {
    if (error.code() != Errc::denied) throw;
    return Opened{open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), false};
  }
}

bool names(const std::filesystem::path& path, int fd) {
  struct stat by_path {};
  struct stat by_fd {};
  return ::fstat(fd, &by_fd) == 0 && ::lstat(path.c_str(), &by_path) == 0 &&
         by_path.st_dev == by_fd.st_dev && by_path.st_ino == by_fd.st_ino;
}

}  // namespace

std::string display(const LockHolder& holder) {
  if (holder.pid <= 0) return "a process that cannot be seen from here";
  if (holder.command.empty()) return fmt::format("pid {}", holder.pid);
  return fmt::format("pid {} ({})", holder.pid, holder.command);
}

std::optional<LockHolder> who_locks(const std::filesystem::path& path) {
  const std::optional<Fd> file = try_open_file(path, O_RDONLY | O_NONBLOCK);
  if (!file) return std::nullopt;
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(file->get(), F_OFD_GETLK, &lock) != 0)
    throw system_error(errno, fmt::format("asking for locks of {}", path.native()));
  if (lock.l_type == F_UNLCK) return std::nullopt;
  LockHolder holder;
  holder.pid = lock.l_pid;  // -1 for a descriptor's lock, 0 for a process of another namespace
  struct stat status {};
  if (holder.pid <= 0 && ::fstat(file->get(), &status) == 0)
    holder.pid = who_has_open(status).value_or(-1);
  if (holder.pid > 0) holder.command = command_of(holder.pid);
  return holder;
}

FileLock::FileLock(std::filesystem::path path, Fd file, bool made)
    : path_(std::move(path)), file_(std::move(file)), made_(made) {}

FileLock::FileLock(FileLock&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      made_(std::exchange(other.made_, false)) {}

FileLock::~FileLock() {
  // Removed while it is locked: who opens it before finds it locked, who comes after makes his own.
  if (made_ && stands() && ::unlink(path_.c_str()) != 0) {
    log(LogLevel::warn, "a lock file that was made could not be removed",
        {{"path", path_.native()}});
  }
}

std::optional<FileLock> FileLock::try_take(const Wanted& wanted) {
  for (int tries = 0; tries < tries_max; ++tries) {
    std::optional<Opened> opened = open_there(wanted.path);
    if (!opened) {
      if (wanted.content.empty())
        throw Error(Errc::not_found, fmt::format("{} is not there", wanted.path.native()));
      std::optional<Fd> made = make_locked(wanted);
      if (made) return FileLock(wanted.path, std::move(*made), true);
      continue;
    }
    const int fd = opened->file.get();
    if (!try_lock(fd, opened->writable ? F_WRLCK : F_RDLCK, wanted.path.native()))
      return std::nullopt;
    // Whoever ends removes his lock file: then ours is one that nobody else will ever open.
    if (!names(wanted.path, fd)) continue;
    FileLock taken(wanted.path, std::move(opened->file), false);
    struct stat status {};
    if (::fstat(fd, &status) != 0)
      throw system_error(errno, fmt::format("looking at {}", wanted.path.native()));
    if (status.st_size == 0 && opened->writable && !wanted.content.empty())
      pwrite_all(fd, as_bytes(wanted.content), 0, wanted.path.native());
    return taken;
  }
  return std::nullopt;
}

bool FileLock::stands() const {
  return file_ && names(path_, file_.get());
}

}  // namespace holdfast::engine::embedded

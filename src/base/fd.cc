// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace holdfast {

namespace {

// Linux takes at most this much in one call; more is split by the loops below.
constexpr std::size_t step_bytes_max = 1U << 30U;

int open_retrying(int directory, const char* path, int flags, unsigned mode) noexcept {
  int number = -1;
  do {
    number = ::openat(directory, path, flags | O_CLOEXEC, mode);
  } while (number < 0 && errno == EINTR);
  return number;
}

[[noreturn]] void throw_errno(std::string_view doing, std::string_view object) {
  throw system_error(errno, fmt::format("{} {}", doing, object));
}

// Calls `transfer`, which is read or write, until all of `count` bytes are through or it returns 0.
// Returns how many bytes went through; a negative result of the call is thrown.
std::size_t transfer_all(std::size_t count, auto transfer, std::string_view doing,
                         std::string_view path) {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t step = transfer(done, std::min(count - done, step_bytes_max));
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) throw_errno(doing, path);
    if (step == 0) break;
    done += static_cast<std::size_t>(step);
  }
  return done;
}

off_t file_offset(std::uint64_t offset_bytes, std::string_view path) {
  if (offset_bytes > static_cast<std::uint64_t>(INT64_MAX)) {
    throw system_error(EOVERFLOW, fmt::format("seeking in {}", path));
  }
  return static_cast<off_t>(offset_bytes);
}

// A file that is removed at the end of the scope unless it was kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& directory) {
    std::array<std::byte, 8> random;
    fill_random(random);
    path_ = directory / fmt::format(".holdfast-{}.tmp", to_hex(random));
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!is_renamed_) ::unlink(path_.c_str());
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  void rename_to(const std::filesystem::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) throw_errno("replacing", target.native());
    is_renamed_ = true;
  }

 private:
  std::filesystem::path path_;
  bool is_renamed_ = false;
};

using DirectoryStream = CHandle<DIR, closedir>;

// Removes all content of a directory without following symbolic links and at any depth with two
// descriptors: directories found two levels down are first moved up one level.
class DirectoryEraser {
 public:
  explicit DirectoryEraser(int root) : root_(root) {}

  // Why the last thing that could not be removed could not be.
  [[nodiscard]] int error_number() const noexcept { return error_number_; }

  // False if something could not be removed.
  bool erase_content() {
    for (;;) {
      grant_access(root_);
      const Fd root(open_retrying(root_, ".", O_RDONLY | O_DIRECTORY, 0));
      if (!root) return failed();
      bool is_empty = true;
      bool is_progressing = false;
      for_each_entry(root.get(), [&](const char* name) {
        is_empty = false;
        is_progressing = erase_entry(root.get(), name) || is_progressing;
      });
      if (is_empty) return true;
      if (!is_progressing) return false;
    }
  }

 private:
  // Gives the owner of a directory all rights to it. Goes by the descriptor: chmod by the name
  // would follow a link put there meanwhile.
  static void grant_access(int directory) {
    struct stat status {};
    if (::fstat(directory, &status) != 0 || (status.st_mode & S_IRWXU) == S_IRWXU) return;
    const std::string by_number = fmt::format("/proc/self/fd/{}", directory);
    static_cast<void>(::chmod(by_number.c_str(), (status.st_mode & 07777U) | S_IRWXU));
  }

  static Fd open_accessible(int parent, const char* name) {
    const Fd handle(open_retrying(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0));
    if (!handle) return Fd();
    grant_access(handle.get());
    return Fd(open_retrying(handle.get(), ".", O_RDONLY | O_DIRECTORY, 0));
  }

  static void for_each_entry(int directory, auto visit) {
    Fd again(open_retrying(directory, ".", O_RDONLY | O_DIRECTORY, 0));
    if (!again) return;
    const DirectoryStream stream(::fdopendir(again.get()));
    if (!stream) return;
    static_cast<void>(again.release());  // the stream owns it now
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") visit(entry->d_name);
    }
  }

  // True if the entry is gone or has become smaller.
  bool erase_entry(int root, const char* name) {
    if (::unlinkat(root, name, 0) == 0) return true;
    if (errno != EISDIR && errno != EPERM) return failed();
    if (::unlinkat(root, name, AT_REMOVEDIR) == 0) return true;
    const Fd child = open_accessible(root, name);
    if (!child) return failed();
    bool is_progressing = false;
    for_each_entry(child.get(), [&](const char* inner) {
      is_progressing = erase_or_raise(root, child.get(), inner) || is_progressing;
    });
    return ::unlinkat(root, name, AT_REMOVEDIR) == 0 || is_progressing || failed(ENOTEMPTY);
  }

  bool erase_or_raise(int root, int child, const char* name) {
    if (::unlinkat(child, name, 0) == 0) return true;
    if (errno != EISDIR && errno != EPERM) return failed();
    if (::unlinkat(child, name, AT_REMOVEDIR) == 0) return true;
    if (!open_accessible(child, name))
      return failed();  // moving a directory needs rights to itself
    const std::string raised = fmt::format(".raised-{}-{}", ::getpid(), ++raised_count_);
    return ::renameat(child, name, root, raised.c_str()) == 0 || failed();
  }

  // Keeps errno, unless it only says that something below stayed, and that is known better.
  bool failed(int follows_from = 0) noexcept {
    if (errno != follows_from || error_number_ == 0) error_number_ = errno;
    return false;
  }

  int root_;
  int error_number_ = 0;
  unsigned long raised_count_ = 0;
};

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) reset(other.release());
  return *this;
}

int Fd::release() noexcept {
  return std::exchange(number_, -1);
}

void Fd::reset(int number) noexcept {
  const int old = std::exchange(number_, number);
  if (old >= 0 && old != number) ::close(old);
}

void Fd::close(std::string_view path) {
  const int old = release();
  // Linux frees the descriptor even if a signal interrupts close().
  if (old >= 0 && ::close(old) != 0 && errno != EINTR) throw_errno("closing", path);
}

Fd open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  const int number = open_retrying(AT_FDCWD, path.c_str(), flags, mode);
  if (number < 0) throw_errno("opening", path.native());
  return Fd(number);
}

std::optional<Fd> try_open_file(const std::filesystem::path& path, int flags) {
  const int number = open_retrying(AT_FDCWD, path.c_str(), flags, 0);
  if (number >= 0) return Fd(number);
  const bool is_below_a_file = errno == ENOTDIR && (flags & O_DIRECTORY) == 0;
  if (errno == ENOENT || is_below_a_file) return std::nullopt;
  throw_errno("opening", path.native());
}

Fd open_at(int directory, const std::string& name, int flags, unsigned mode) {
  const int number = open_retrying(directory, name.c_str(), flags, mode);
  if (number < 0) throw_errno("opening", name);
  return Fd(number);
}

void pread_exact(int fd, std::span<std::byte> into, std::uint64_t offset_bytes,
                 std::string_view path) {
  const off_t from = file_offset(offset_bytes, path);
  const auto read = [&](std::size_t done, std::size_t count) {
    return ::pread(fd, into.data() + done, count, from + static_cast<off_t>(done));
  };
  const std::size_t done = transfer_all(into.size(), read, "reading", path);
  if (done != into.size()) {
    throw Error(Errc::corrupt, fmt::format("{} ends at byte {}, before byte {}", path,
                                           offset_bytes + done, offset_bytes + into.size()));
  }
}

std::size_t read_some(int fd, std::span<std::byte> into, std::string_view path) {
  ssize_t count = 0;
  do {
    count = ::read(fd, into.data(), std::min(into.size(), step_bytes_max));
  } while (count < 0 && errno == EINTR);
  if (count < 0) throw_errno("reading", path);
  return static_cast<std::size_t>(count);
}

void write_all(int fd, ByteView bytes, std::string_view path) {
  const auto write = [&](std::size_t done, std::size_t count) {
    return ::write(fd, bytes.data() + done, count);
  };
  if (transfer_all(bytes.size(), write, "writing", path) != bytes.size()) {
    throw Error(Errc::io, fmt::format("writing {}: nothing more is taken", path));
  }
}

void pwrite_all(int fd, ByteView bytes, std::uint64_t offset_bytes, std::string_view path) {
  const off_t from = file_offset(offset_bytes, path);
  const auto write = [&](std::size_t done, std::size_t count) {
    return ::pwrite(fd, bytes.data() + done, count, from + static_cast<off_t>(done));
  };
  if (transfer_all(bytes.size(), write, "writing", path) != bytes.size()) {
    throw Error(Errc::io, fmt::format("writing {}: nothing more is taken", path));
  }
}

void fsync_file(int fd, std::string_view path) {
  int result = 0;
  do {
    result = ::fsync(fd);
  } while (result != 0 && errno == EINTR);
  if (result != 0) throw_errno("syncing", path);
}

void fsync_directory(const std::filesystem::path& directory) {
  const Fd fd = open_file(directory, O_RDONLY | O_DIRECTORY);
  fsync_file(fd.get(), directory.native());
}

void make_private_directories(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
  if (errno != ENOENT || !path.has_parent_path() || path.parent_path() == path) {
    throw system_error(errno, "creating directory " + path.string());
  }
  make_private_directories(path.parent_path());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw system_error(errno, "creating directory " + path.string());
  }
}

std::string read_text_file(const std::filesystem::path& path, std::size_t size_bytes_max) {
  const Fd fd = open_file(path, O_RDONLY | O_NOCTTY);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("reading", path.native());
  FdSource source(fd.get(), path.native());
  const auto too_large = [&] {
    return Error(Errc::corrupt,
                 fmt::format("{} is larger than {} bytes", path.native(), size_bytes_max));
  };
  // The size of files in /proc is given as 0, so the limit is watched while reading as well.
  const auto size_bytes = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0));
  if (S_ISREG(status.st_mode) && size_bytes > size_bytes_max) throw too_large();
  std::string text;
  if (S_ISREG(status.st_mode)) text.reserve(size_bytes);
  std::array<std::byte, 16384> buffer;
  while (const std::size_t count = source.read(buffer)) {
    if (count > size_bytes_max - text.size()) throw too_large();
    text.append(as_text(std::span(buffer).first(count)));
  }
  return text;
}

void write_file_durably(const std::filesystem::path& path, ByteView content, unsigned mode) {
  const std::filesystem::path parent = path.parent_path();
  const std::filesystem::path directory = parent.empty() ? "." : parent;
  TemporaryFile temporary(directory);
  Fd fd = open_file(temporary.path(), O_WRONLY | O_CREAT | O_EXCL, mode);
  write_all(fd.get(), content, path.native());
  fsync_file(fd.get(), path.native());
  fd.close(path.native());
  temporary.rename_to(path);
  fsync_directory(directory);
}

void erase_tree(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
  if (errno == EISDIR || errno == EPERM) {
    const Fd root(open_retrying(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0));
    if (!root) throw_errno("removing", path.native());
    DirectoryEraser eraser(root.get());
    if (!eraser.erase_content())
      errno = eraser.error_number();
    else if (::rmdir(path.c_str()) == 0 || errno == ENOENT)
      return;
  }
  throw_errno("removing", path.native());
}

TemporaryDirectory::TemporaryDirectory(std::string_view name_prefix,
                                       const std::filesystem::path& below) {
  std::filesystem::path parent = below;
  if (parent.empty()) {
    const char* chosen = std::getenv("TMPDIR");
    parent = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  }
  std::error_code failure;
  parent = std::filesystem::absolute(parent, failure);
  if (failure) throw system_error(failure.value(), "finding the current directory");
  std::string path = parent / fmt::format("{}-XXXXXX", name_prefix);
  if (::mkdtemp(path.data()) == nullptr) {
    throw_errno("making a temporary directory in", parent.native());
  }
  path_ = path;
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::move(other.path_)) {
  other.path_.clear();
}

TemporaryDirectory::~TemporaryDirectory() {
  if (path_.empty()) return;
  const Fd root(open_retrying(AT_FDCWD, path_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW, 0));
  if (!root) return;
  const bool is_empty = DirectoryEraser(root.get()).erase_content();
  if (!is_empty || ::rmdir(path_.c_str()) != 0) {
    log(LogLevel::warn, "a temporary directory could not be removed", {{"path", path_.native()}});
  }
}

}  // namespace holdfast

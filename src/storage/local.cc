// SPDX-License-Identifier: Apache-2.0
// Files of a repository as files of this machine: temporary file, fsync, rename, fsync directory.
//
// Source: restic internal/backend/local/local.go for names, modes and order of steps.
#include "storage/local.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <vector>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "storage/layout.h"

namespace holdfast::storage {
namespace {

constexpr std::size_t open_packs_max = 32;

// How renameat2, link and fsync say that the file system cannot do this at all.
bool is_unsupported(int error_number) noexcept {
  return error_number == EINVAL || error_number == ENOSYS || error_number == ENOTSUP ||
         error_number == EPERM || error_number == EMLINK;
}

std::string random_digits() {
  std::array<std::byte, 8> random;
  fill_random(random);
  return to_hex(random);
}

// Removes the temporary file at the end of its life unless it has got its final name.
class TemporaryFile {
 public:
  TemporaryFile(int directory, std::string name) : directory_(directory), name_(std::move(name)) {}
  ~TemporaryFile() {
    if (!name_.empty()) ::unlinkat(directory_, name_.c_str(), 0);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const char* name() const noexcept { return name_.c_str(); }
  void forget() noexcept { name_.clear(); }

 private:
  int directory_;
  std::string name_;
};

// Whether restic or this driver gives such a name to a file until it is complete: the final name,
// then "-tmp-" and a random number; restic's SFTP driver says "-restic-temp-".
bool is_leftover_name(std::string_view name) noexcept {
  constexpr std::size_t digits_of_id = 64;
  constexpr std::string_view config = "config";
  if (name.starts_with(config)) {
    name.remove_prefix(config.size());
  } else if (is_file_name(name.substr(0, digits_of_id))) {
    name.remove_prefix(digits_of_id);
  } else {
    return false;
  }
  for (const std::string_view infix : {"-tmp-", "-restic-temp-"}) {
    if (!name.starts_with(infix) || name.size() == infix.size()) continue;
    return name.find_first_not_of("0123456789abcdef", infix.size()) == std::string_view::npos;
  }
  return false;
}

// Calls `visit` with the directory's descriptor and each name in it. False if it is not there.
bool for_each_name(const std::string& path, const std::function<void(int, const char*)>& visit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return false;
  if (!fd) throw system_error(errno, fmt::format("cannot list {}", path));
  const CHandle<DIR, &::closedir> entries(::fdopendir(fd.get()));
  if (!entries) throw system_error(errno, fmt::format("cannot list {}", path));
  const int directory = fd.release();  // owned by `entries` now
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    visit(directory, entry->d_name);
  }
  if (errno != 0) throw system_error(errno, fmt::format("cannot list {}", path));
  return true;
}

// Makes one directory; it is no error if it is there, and none if a link to one is there.
void make_directory(const std::filesystem::path& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) return;
  const int error_number = errno;
  struct stat status {};
  if (error_number == EEXIST) {
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return;
    throw Error(Errc::exists, fmt::format("{} is there and is no directory", path.string()));
  }
  throw system_error(error_number, fmt::format("cannot create directory {}", path.string()));
}

void make_directories(const std::filesystem::path& path, unsigned mode) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return;
  if (path.has_parent_path() && path.parent_path() != path) {
    make_directories(path.parent_path(), mode);
  }
  make_directory(path, mode);
}

std::filesystem::path made_absolute(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) throw system_error(error.value(), fmt::format("cannot resolve {}", path.string()));
  if (!absolute.has_filename() && absolute.has_parent_path()) absolute = absolute.parent_path();
  return absolute;
}

}  // namespace

LocalStorage::LocalStorage(const std::filesystem::path& root, unsigned connections, Placing placing)
    : root_(made_absolute(root)), connections_(connections), placing_(placing) {}

LocalStorage::Counters LocalStorage::counters() const noexcept {
  return {.files_synced = files_synced_, .directories_synced = directories_synced_};
}

std::string LocalStorage::full_path(const FileRef& file) const {
  return (root_ / file_path(file)).string();
}

void LocalStorage::create() {
  const Modes wanted = modes();
  make_directories(root_, wanted.directory);
  for (const FileKind kind : all_file_kinds()) {
    if (kind != FileKind::config) make_directory(root_ / kind_directory(kind), wanted.directory);
  }
  const std::filesystem::path packs = root_ / kind_directory(FileKind::pack);
  for (unsigned number = 0; number < 256; ++number) {
    make_directory(packs / two_digits(number), wanted.directory);
  }
  // The parent is not ours: where it cannot be opened, its own journal has to do.
  const std::filesystem::path parent = root_.parent_path();
  for (const std::filesystem::path& made : {packs, root_, parent}) {
    Fd fd(::open(made.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) sync_directory(fd.get(), made.string());
  }
}

void LocalStorage::put(const FileRef& file, ByteView content) {
  store(file, content, false);
}

void LocalStorage::replace_config(ByteView content) {
  store(FileRef{FileKind::config, {}}, content, true);
}

void LocalStorage::store(const FileRef& file, ByteView content, bool replaces) {
  const std::string relative = file_directory(file);
  const std::string path = full_path(file);
  const std::string name = file.kind == FileKind::config ? "config" : file.name;
  const Modes wanted = modes();
  SharedFd in = directory(relative, wanted);
  const std::string temporary_name = name + "-tmp-" + random_digits();
  const auto create_temporary = [&] {
    return Fd(
        ::openat(in->get(), temporary_name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  };
  Fd fd = create_temporary();
  if (!fd && errno == ENOENT) {  // the directory was removed after we opened it
    forget_directory(relative);
    in = directory(relative, wanted);
    fd = create_temporary();
  }
  if (!fd) throw system_error(errno, fmt::format("cannot create {}", path));
  TemporaryFile temporary(in->get(), temporary_name);

  write_all(fd.get(), content, path);
  // Before the fsync, so that the mode is as durable as the content. Network file systems that know
  // no modes refuse it, and lose nothing.
  if (::fchmod(fd.get(), wanted.file) != 0 && !is_unsupported(errno) && errno != EACCES) {
    throw system_error(errno, fmt::format("cannot make {} read-only", path));
  }
  fsync_file(fd.get(), path);
  ++files_synced_;
  fd.close(path);

  if (replaces) {
    if (::renameat(in->get(), temporary.name(), in->get(), name.c_str()) != 0) {
      throw system_error(errno, fmt::format("cannot replace {}", path));
    }
  } else {
    place(in->get(), temporary.name(), name.c_str(), path);
  }
  temporary.forget();
  sync_directory(in->get(), path);
}

void LocalStorage::place(int directory, const char* temporary, const char* name,
                         const std::string& path) {
  if (placing_ == Placing::rename_noreplace) {
    if (::renameat2(directory, temporary, directory, name, RENAME_NOREPLACE) == 0) return;
    if (!is_unsupported(errno)) {
      throw system_error(errno, fmt::format("cannot store {}", path));
    }
    placing_ = Placing::link_and_unlink;
  }
  if (placing_ == Placing::link_and_unlink) {
    if (::linkat(directory, temporary, directory, name, 0) == 0) {
      ::unlinkat(directory, temporary, 0);
      return;
    }
    if (!is_unsupported(errno)) {
      throw system_error(errno, fmt::format("cannot store {}", path));
    }
    placing_ = Placing::look_and_rename;
  }
  struct stat status {};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    throw system_error(EEXIST, fmt::format("cannot store {}", path));
  }
  if (::renameat(directory, temporary, directory, name) != 0) {
    throw system_error(errno, fmt::format("cannot store {}", path));
  }
}

void LocalStorage::sync_directory(int directory, const std::string& path) {
  // Not every file system lets a directory be synced (CIFS, some FUSE); there is nothing more to
  // do.
  if (::fsync(directory) != 0 && !is_unsupported(errno)) {
    throw system_error(errno, fmt::format("cannot make the name of {} durable", path));
  }
  ++directories_synced_;
}

LocalStorage::Modes LocalStorage::modes() {
  {
    std::lock_guard lock(mutex_);
    if (modes_) return *modes_;
  }
  struct stat status {};
  if (::stat((root_ / "config").c_str(), &status) != 0) return {};
  const bool is_shared = (status.st_mode & S_IRGRP) != 0;
  const Modes derived{.directory = is_shared ? 0770U : 0700U, .file = is_shared ? 0440U : 0400U};
  std::lock_guard lock(mutex_);
  modes_ = derived;
  return derived;
}

LocalStorage::SharedFd LocalStorage::directory(const std::string& relative, const Modes& wanted) {
  {
    std::lock_guard lock(mutex_);
    if (const auto found = directories_.find(relative); found != directories_.end()) {
      return found->second;
    }
  }
  const std::filesystem::path path = root_ / relative;
  const auto open_directory = [&] {
    return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  Fd fd = open_directory();
  if (!fd && errno == ENOENT && !relative.empty()) {
    // A repository copied by other tools may lack directories of packs or that of locks; its root
    // must be there.
    const std::size_t slash = relative.find('/');
    const std::string top = relative.substr(0, slash);
    if (top != kind_directory(FileKind::lock)) check_directory(top);
    if (slash != std::string::npos) {
      make_directory(root_ / top, wanted.directory);
    }
    make_directory(path, wanted.directory);
    fd = open_directory();
    if (fd) {
      Fd parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (parent) sync_directory(parent.get(), path.string());
    }
  }
  if (!fd) throw system_error(errno, fmt::format("cannot open directory {}", path.string()));
  auto shared = std::make_shared<const Fd>(std::move(fd));
  std::lock_guard lock(mutex_);
  return directories_.insert_or_assign(relative, shared).first->second;
}

void LocalStorage::forget_directory(const std::string& relative) {
  std::lock_guard lock(mutex_);
  directories_.erase(relative);
}

LocalStorage::SharedFd LocalStorage::open_pack(const FileRef& file) {
  {
    std::lock_guard lock(mutex_);
    for (auto at = packs_.begin(); at != packs_.end(); ++at) {
      if (at->first != file.name) continue;
      packs_.splice(packs_.begin(), packs_, at);
      return at->second;
    }
  }
  Fd fd(::open(full_path(file).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return nullptr;
  auto shared = std::make_shared<const Fd>(std::move(fd));
  std::lock_guard lock(mutex_);
  packs_.emplace_front(file.name, shared);
  if (packs_.size() > open_packs_max) packs_.pop_back();
  return shared;
}

void LocalStorage::forget_pack(const std::string& name) {
  std::lock_guard lock(mutex_);
  packs_.remove_if([&](const auto& open) { return open.first == name; });
}

void LocalStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  const std::string path = full_path(file);
  SharedFd fd;
  if (file.kind == FileKind::pack) {
    fd = open_pack(file);
  } else if (Fd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); opened) {
    fd = std::make_shared<const Fd>(std::move(opened));
  }
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) {
    throw Error(Errc::corrupt, fmt::format("{} is not there: no file {}", display(file), path));
  }
  if (!fd) throw system_error(errno, fmt::format("cannot read {}", path));
  pread_exact(fd->get(), out, offset_bytes, path);
}

std::optional<std::uint64_t> LocalStorage::size_bytes(const FileRef& file) {
  const std::string path = full_path(file);
  struct stat status {};
  // Whether a lock is there decides what may be removed. NFS answers stat() from memory for up to a
  // minute, but asks the server at every open().
  Fd lock;
  if (file.kind == FileKind::lock) lock = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const bool is_open = file.kind != FileKind::lock || lock;
  if (!is_open || ::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_error(errno, fmt::format("cannot look at {}", path));
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

void LocalStorage::check_directory(std::string_view name) const {
  struct stat status {};
  const std::filesystem::path path = root_ / name;
  if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return;
  if (::stat((root_ / "config").c_str(), &status) != 0) return;
  throw Error(Errc::corrupt,
              fmt::format("the repository's directory {} is not there", path.string()))
      .set_hint(
          "Bring it back from a copy of the repository. Only if no such file was ever stored, make "
          "it anew with `mkdir`.");
}

void LocalStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  if (kind == FileKind::config) {
    const FileRef config;
    if (const auto size = size_bytes(config)) visit({config, *size});
    return;
  }
  const std::string relative(kind_directory(kind));
  bool is_there = false;
  if (kind == FileKind::pack) {
    for (unsigned number = 0; number < 256; ++number) {
      if (list_directory(kind, relative + "/" + two_digits(number), visit)) is_there = true;
    }
  } else {
    is_there = list_directory(kind, relative, visit);
  }
  // Without locks, nobody holds one; whoever takes one makes the directory.
  if (!is_there && kind != FileKind::lock) check_directory(relative);
}

bool LocalStorage::list_directory(FileKind kind, const std::string& relative,
                                  const std::function<void(const FoundFile&)>& visit) {
  const std::string path = (root_ / relative).string();
  // Collected first, so that `visit` may remove what it is shown.
  std::vector<FoundFile> found;
  const bool is_there = for_each_name(path, [&](int directory, const char* entry) {
    const std::string_view name = entry;
    // A pack in another directory than its own would not be found when it is read.
    if (!is_file_name(name)) return;
    if (kind == FileKind::pack && !relative.ends_with(name.substr(0, 2))) return;
    struct stat status {};
    std::uint64_t size_bytes = 0;
    if (::fstatat(directory, entry, &status, 0) == 0) {
      if (!S_ISREG(status.st_mode)) return;
      size_bytes = static_cast<std::uint64_t>(status.st_size);
    } else if (errno != ENOENT) {
      throw system_error(errno, fmt::format("cannot look at {}/{}", path, name));
    } else if (::fstatat(directory, entry, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
               !S_ISLNK(status.st_mode)) {
      return;  // removed since
    }
    // A link whose file is away (another disk, git-annex) is shown as empty: were it passed over,
    // what a snapshot needs would count as unused.
    found.push_back({FileRef{kind, std::string(name)}, size_bytes});
  });
  for (const FoundFile& file : found) visit(file);
  return is_there;
}

Leftovers LocalStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  const std::int64_t written_before = system_clock().now().seconds - age_min.count();
  Leftovers leftovers;
  sweep_directory("", written_before, dry_run, leftovers);
  for (const FileKind kind : all_file_kinds()) {
    if (kind == FileKind::config || kind == FileKind::pack) continue;
    sweep_directory(std::string(kind_directory(kind)), written_before, dry_run, leftovers);
  }
  const std::string packs(kind_directory(FileKind::pack));
  for (unsigned number = 0; number < 256; ++number) {
    sweep_directory(packs + "/" + two_digits(number), written_before, dry_run, leftovers);
  }
  return leftovers;
}

void LocalStorage::sweep_directory(const std::string& relative, std::int64_t written_before,
                                   bool dry_run, Leftovers& leftovers) {
  for_each_name((root_ / relative).string(), [&](int directory, const char* name) {
    if (!is_leftover_name(name)) return;
    struct stat status {};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // gone since
    if (!S_ISREG(status.st_mode) || status.st_mtim.tv_sec >= written_before) return;
    if (!dry_run && ::unlinkat(directory, name, 0) != 0) {
      if (errno != ENOENT) ++leftovers.kept;
      return;
    }
    ++leftovers.files;
    leftovers.size_bytes += static_cast<std::uint64_t>(status.st_size);
  });
}

void LocalStorage::remove(const FileRef& file) {
  const std::string path = full_path(file);
  if (file.kind == FileKind::pack) forget_pack(file.name);
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return;
    // Some network file systems remove nothing that is read-only.
    const int error_number = errno;
    if ((error_number != EACCES && error_number != EPERM) || ::chmod(path.c_str(), 0600) != 0 ||
        ::unlink(path.c_str()) != 0) {
      throw system_error(error_number, fmt::format("cannot remove {}", path));
    }
  }
  if (file.kind != FileKind::pack && file.kind != FileKind::lock) {
    const std::string directory = (root_ / file_directory(file)).string();
    Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd) sync_directory(fd.get(), path);
  }
}

}  // namespace holdfast::storage

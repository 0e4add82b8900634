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
#include <vector>

#include "base/c_handle.h"
#include "base/error.h"
#include "base/hash.h"
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
    // A repository copied by other tools may lack its empty directories; its root must be there.
    const std::size_t slash = relative.find('/');
    if (slash != std::string::npos) {
      make_directory(root_ / relative.substr(0, slash), wanted.directory);
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
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_error(errno, fmt::format("cannot look at {}", path));
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

void LocalStorage::list(FileKind kind, const std::function<void(const FoundFile&)>& visit) {
  if (kind == FileKind::config) {
    const FileRef config;
    if (const auto size = size_bytes(config)) visit({config, *size});
    return;
  }
  const std::string relative(kind_directory(kind));
  if (kind != FileKind::pack) {
    list_directory(kind, relative, visit);
    return;
  }
  for (unsigned number = 0; number < 256; ++number) {
    list_directory(kind, relative + "/" + two_digits(number), visit);
  }
}

void LocalStorage::list_directory(FileKind kind, const std::string& relative,
                                  const std::function<void(const FoundFile&)>& visit) {
  const std::string path = (root_ / relative).string();
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return;
  if (!fd) throw system_error(errno, fmt::format("cannot list {}", path));
  const CHandle<DIR, &::closedir> entries(::fdopendir(fd.get()));
  if (!entries) throw system_error(errno, fmt::format("cannot list {}", path));
  const int directory = fd.release();  // owned by `entries` now

  // Collected first, so that `visit` may remove what it is shown.
  std::vector<FoundFile> found;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    // A pack in another directory than its own would not be found when it is read.
    if (!is_file_name(name)) continue;
    if (kind == FileKind::pack && !relative.ends_with(name.substr(0, 2))) continue;
    struct stat status {};
    if (::fstatat(directory, entry->d_name, &status, 0) != 0) {
      if (errno == ENOENT) continue;  // removed since
      throw system_error(errno, fmt::format("cannot look at {}/{}", path, name));
    }
    if (!S_ISREG(status.st_mode)) continue;
    found.push_back({FileRef{kind, std::string(name)}, static_cast<std::uint64_t>(status.st_size)});
  }
  if (errno != 0) throw system_error(errno, fmt::format("cannot list {}", path));
  for (const FoundFile& file : found) visit(file);
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

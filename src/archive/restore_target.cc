// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_target.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

constexpr std::size_t open_directories_max = 256;
// remove_all() holds one descriptor a level.
constexpr unsigned remove_depth_max = 256;
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

using DirectoryStream = CHandle<DIR, closedir>;

bool is_root_user() noexcept {
  return geteuid() == 0;
}

// Opens a directory that its owner shut himself out of, by giving him back all permissions; the
// node's own come last, as for every directory. Through O_PATH, because chmod by name would follow
// a symlink.
Fd open_shut_directory(int parent_fd, const std::string& name) {
  const Fd path_fd(
      ::openat(parent_fd, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!path_fd) return {};
  if (::chmod(fmt::format("/proc/self/fd/{}", path_fd.get()).c_str(), S_IRWXU) != 0) return {};
  return Fd(::openat(parent_fd, name.c_str(), directory_flags));
}

Fd try_open_directory(int parent_fd, const std::string& name) {
  Fd fd(::openat(parent_fd, name.c_str(), directory_flags));
  if (!fd && errno == EACCES && !is_root_user()) fd = open_shut_directory(parent_fd, name);
  return fd;
}

// An ordinary user needs all three permissions to put something into a directory.
void make_writable(int fd) {
  struct ::stat status {};
  if (is_root_user() || ::fstat(fd, &status) != 0 || (status.st_mode & S_IRWXU) == S_IRWXU) return;
  // If this fails, so does what is done in the directory, with a better message.
  static_cast<void>(::fchmod(fd, (status.st_mode & 07777U) | S_IRWXU));
}

DirectoryStream read_directory(Fd fd, std::string_view path) {
  DirectoryStream stream(::fdopendir(fd.get()));
  if (!stream) throw system_error(errno, fmt::format("reading directory {}", path));
  static_cast<void>(fd.release());
  return stream;
}

// The next name but `.` and `..`; nothing at the end.
std::optional<std::string> next_name(DIR* stream, std::string_view path) {
  while (true) {
    errno = 0;
    const struct ::dirent* entry = ::readdir(stream);
    if (entry == nullptr) {
      if (errno != 0) throw system_error(errno, fmt::format("reading directory {}", path));
      return std::nullopt;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return std::string(name);
  }
}

// Whether unlink() failed because the entry is a directory: Linux says EISDIR, POSIX EPERM.
bool may_be_directory(int error_number) noexcept {
  return error_number == EISDIR || error_number == EPERM;
}

class Remover {
 public:
  Remover(std::string target, const std::function<void(const std::string&)>& removed)
      : target_(std::move(target)), removed_(removed) {}

  void remove(int directory_fd, const std::string& name, const std::string& below, unsigned depth) {
    if (::unlinkat(directory_fd, name.c_str(), 0) != 0) {
      const int reason = errno;
      if (reason == ENOENT) return;
      Fd fd = may_be_directory(reason) ? try_open_directory(directory_fd, name) : Fd();
      if (!fd) throw failure(reason, below);
      if (depth == remove_depth_max) {
        throw Error(Errc::unsupported,
                    fmt::format("{}/{} is nested too deep to be removed", target_, below));
      }
      make_writable(fd.get());
      empty(std::move(fd), below, depth);
      if (::unlinkat(directory_fd, name.c_str(), AT_REMOVEDIR) != 0) throw failure(errno, below);
    }
    removed_(below);
  }

 private:
  void empty(Fd fd, const std::string& below, unsigned depth) {
    const int number = fd.get();
    const DirectoryStream stream = read_directory(std::move(fd), below);
    while (const std::optional<std::string> name = next_name(stream.get(), below)) {
      remove(number, *name, below + "/" + *name, depth + 1);
    }
  }

  [[nodiscard]] Error failure(int error_number, const std::string& below) const {
    return system_error(error_number, fmt::format("removing {}/{}", target_, below));
  }

  std::string target_;
  const std::function<void(const std::string&)>& removed_;
};

}  // namespace

std::shared_ptr<const Fd> FdCache::find(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->fd;
}

std::shared_ptr<const Fd> FdCache::keep(std::uint64_t key, Fd fd) {
  std::optional<Entry> evicted;  // closed here, after the lock is let go
  return keep(
      key, std::move(fd), [](std::uint64_t) { return true; }, evicted);
}

std::shared_ptr<const Fd> FdCache::keep(std::uint64_t key, Fd fd,
                                        const std::function<bool(std::uint64_t)>& may_go,
                                        std::optional<Entry>& evicted) {
  auto kept = std::make_shared<const Fd>(std::move(fd));
  const std::lock_guard lock(mutex_);
  const auto [place, added] = places_.try_emplace(key);
  if (!added) return place->second->fd;
  if (entries_.size() >= count_max_) {
    for (auto at = entries_.end(); at != entries_.begin();) {
      --at;
      // Nobody can come to use it while the lock is held.
      if (at->fd.use_count() != 1 || !may_go(at->key)) continue;
      evicted = std::move(*at);
      places_.erase(evicted->key);
      entries_.erase(at);
      break;
    }
  }
  entries_.push_front({key, kept});
  place->second = entries_.begin();
  return kept;
}

void FdCache::drop(std::uint64_t key) {
  std::shared_ptr<const Fd> dropped;
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  dropped = std::move(place->second->fd);
  entries_.erase(place->second);
  places_.erase(place);
}

RestoreTarget::RestoreTarget(std::filesystem::path target, const Options& options)
    : target_(std::move(target)),
      options_(options),
      root_(std::make_shared<TargetDirectory>()),
      directories_bytes_(std::make_shared<std::atomic<std::size_t>>(0)),
      open_(open_directories_max) {
  if (target_.empty()) throw Error(Errc::usage, "no directory to restore to was given");
  root_->number = next_number_++;
  root_->state = TargetDirectory::State::ready;
  if (options_.dry_run) {
    std::optional<Fd> fd = try_open_file(target_, O_RDONLY | O_DIRECTORY);
    if (!fd) {
      root_->state = TargetDirectory::State::missing;
      return;
    }
    root_fd_ = std::move(*fd);
    return;
  }
  // Only what is missing is made, each level for its owner alone; the target itself may be a
  // symlink.
  for (std::filesystem::path path; const std::filesystem::path& part : target_) {
    if (part.empty()) continue;  // behind a slash at the end
    path /= part;
    const int failure = ::mkdir(path.c_str(), S_IRWXU) == 0 ? 0 : errno;
    if (failure == 0) {
      root_->fresh = true;
    } else if (failure != EEXIST && failure != EISDIR && ::access(path.c_str(), F_OK) != 0) {
      throw system_error(failure, "creating directory " + path.string());
    } else {
      root_->fresh = false;
    }
  }
  root_fd_ = open_file(target_, O_RDONLY | O_DIRECTORY);
  make_writable(root_fd_.get());
}

std::shared_ptr<TargetDirectory> RestoreTarget::below(
    const std::shared_ptr<TargetDirectory>& parent, std::string name) {
  auto directory = std::make_unique<TargetDirectory>();
  directory->parent = parent;
  directory->name = std::move(name);
  directory->number = next_number_++;
  // With what malloc and the shared pointer add.
  const std::size_t bytes = sizeof(TargetDirectory) + directory->name.capacity() + 96;
  *directories_bytes_ += bytes;
  return {directory.release(), [total = directories_bytes_, bytes](TargetDirectory* each) {
            *total -= bytes;
            delete each;
          }};
}

bool RestoreTarget::ensure(TargetDirectory& directory) {
  if (directory.state != TargetDirectory::State::unvisited) {
    return directory.state != TargetDirectory::State::failed;
  }
  std::vector<TargetDirectory*> chain;
  for (TargetDirectory* at = &directory; at->state == TargetDirectory::State::unvisited;
       at = at->parent.get()) {
    chain.push_back(at);
  }
  // Whatever makes one fail leaves it and those below it failed.
  for (TargetDirectory* at : chain) at->state = TargetDirectory::State::failed;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    if ((*at)->parent->state == TargetDirectory::State::failed) return false;
    make(**at);
  }
  return true;
}

void RestoreTarget::make(TargetDirectory& directory) {
  if (directory.parent->state == TargetDirectory::State::missing) {
    directory.state = TargetDirectory::State::missing;
    return;
  }
  const std::shared_ptr<const Fd> parent = open(*directory.parent);
  if (options_.dry_run || ::mkdirat(parent->get(), directory.name.c_str(), S_IRWXU) != 0) {
    if (!options_.dry_run && errno != EEXIST) {
      throw system_error(errno, "creating directory " + path_of(directory, {}));
    }
    open_existing(directory, parent->get());
    return;
  }
  directory.fresh = true;
  open_.keep(directory.number, open_at(parent->get(), directory.name, directory_flags));
  directory.state = TargetDirectory::State::ready;
}

void RestoreTarget::open_existing(TargetDirectory& directory, int parent_fd) {
  Fd fd(::openat(parent_fd, directory.name.c_str(), directory_flags));
  int reason = fd ? 0 : errno;
  if (reason == EACCES && !options_.dry_run && !is_root_user()) {
    fd = open_shut_directory(parent_fd, directory.name);
    if (fd) reason = 0;
  }
  const bool other = reason == ENOTDIR || reason == ELOOP;  // a file or a symlink stands there
  if (options_.dry_run && (reason == ENOENT || (other && options_.replace))) {
    directory.state = TargetDirectory::State::missing;
    return;
  }
  if (other && options_.replace) {
    if (::unlinkat(parent_fd, directory.name.c_str(), 0) != 0 ||
        ::mkdirat(parent_fd, directory.name.c_str(), S_IRWXU) != 0) {
      throw system_error(errno, "replacing " + path_of(directory, {}) + " by a directory");
    }
    directory.fresh = true;
    fd = open_at(parent_fd, directory.name, directory_flags);
  } else if (other) {
    throw Error(Errc::exists, path_of(directory, {}) + " exists and is no directory");
  } else if (reason != 0) {
    throw system_error(reason, "opening directory " + path_of(directory, {}));
  }
  if (!options_.dry_run) make_writable(fd.get());
  open_.keep(directory.number, std::move(fd));
  directory.state = TargetDirectory::State::ready;
}

std::string RestoreTarget::location_of(const TargetDirectory& directory, std::string_view name) {
  std::vector<std::string_view> names;
  if (!name.empty()) names.push_back(name);
  for (const TargetDirectory* at = &directory; at->parent; at = at->parent.get()) {
    names.push_back(at->name);
  }
  std::string location;
  for (auto at = names.rbegin(); at != names.rend(); ++at) {
    location += '/';
    location += *at;
  }
  return location.empty() ? "/" : location;
}

std::string RestoreTarget::path_of(const TargetDirectory& directory, std::string_view name) const {
  std::string path = target_.string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::string location = location_of(directory, name);
  if (path == "/") return location;
  return location == "/" ? path : path + location;
}

std::shared_ptr<const Fd> RestoreTarget::open(const TargetDirectory& directory) {
  std::vector<const TargetDirectory*> chain;
  std::shared_ptr<const Fd> fd;
  for (const TargetDirectory* at = &directory; at->parent; at = at->parent.get()) {
    fd = open_.find(at->number);
    if (fd) break;
    chain.push_back(at);
  }
  int number = fd ? fd->get() : root_fd_.get();
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    Fd next(::openat(number, (*at)->name.c_str(), directory_flags));
    if (!next) throw system_error(errno, "opening directory " + path_of(**at, {}));
    fd = open_.keep((*at)->number, std::move(next));
    number = fd->get();
  }
  if (fd) return fd;
  // The target's own descriptor lives as long as this object.
  return {std::shared_ptr<void>(), &root_fd_};
}

std::optional<struct ::stat> RestoreTarget::status(const TargetDirectory& directory,
                                                   const std::string& name) {
  struct ::stat status {};
  if (::fstatat(open(directory)->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0)
    return status;
  if (errno == ENOENT) return std::nullopt;
  throw system_error(errno, "looking at " + path_of(directory, name));
}

void RestoreTarget::remove(const TargetDirectory& directory, const std::string& name) {
  if (options_.remove_recursively) {
    remove_all(directory, name, [](const std::string&) {});
    return;
  }
  const std::shared_ptr<const Fd> fd = open(directory);
  if (::unlinkat(fd->get(), name.c_str(), 0) == 0 || errno == ENOENT) return;
  const int reason = errno;
  if (may_be_directory(reason) && ::unlinkat(fd->get(), name.c_str(), AT_REMOVEDIR) == 0) return;
  throw system_error(may_be_directory(reason) && errno == ENOTEMPTY ? errno : reason,
                     "replacing " + path_of(directory, name));
}

void RestoreTarget::remove_all(const TargetDirectory& directory, const std::string& name,
                               const std::function<void(const std::string& below)>& removed) {
  Remover(path_of(directory, {}), removed).remove(open(directory)->get(), name, name, 0);
}

bool RestoreTarget::read_back(const Fd& file, std::span<std::byte> into,
                              std::uint64_t offset_bytes) {
  while (!into.empty()) {
    const ssize_t size =
        ::pread(file.get(), into.data(), into.size(), static_cast<off_t>(offset_bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(size));
    offset_bytes += static_cast<std::uint64_t>(size);
  }
  return true;
}

void RestoreTarget::flush(const Fd& file, std::string_view path) {
  Fd copy(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (copy) {
    copy.close(path);
  } else {  // no descriptor is left: the slow way to the same answer
    fsync_file(file.get(), path);
  }
}

std::vector<std::string> RestoreTarget::list(const TargetDirectory& directory) {
  const std::string path = path_of(directory, {});
  // A descriptor of its own, because reading moves its position.
  const DirectoryStream stream =
      read_directory(open_at(open(directory)->get(), ".", directory_flags), path);
  std::vector<std::string> names;
  while (std::optional<std::string> name = next_name(stream.get(), path)) {
    names.push_back(std::move(*name));
  }
  return names;
}

}  // namespace holdfast::archive

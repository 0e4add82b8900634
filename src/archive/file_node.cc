// SPDX-License-Identifier: Apache-2.0
#include "archive/file_node.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace holdfast::archive {

namespace {

using format::ExtendedAttribute;
using format::Node;
using format::NodeType;

// Names by number, asked for once each. References stay valid.
class OwnerNames {
 public:
  using Lookup = std::string (*)(std::uint32_t);
  explicit OwnerNames(Lookup lookup) : lookup_(lookup) {}

  const std::string& name_of(std::uint32_t number) {
    {
      const std::shared_lock lock(mutex_);
      const auto known = names_.find(number);
      if (known != names_.end()) return known->second;
    }
    std::string name = lookup_(number);  // may ask a directory service: not under the lock
    const std::unique_lock lock(mutex_);
    return names_.try_emplace(number, std::move(name)).first->second;
  }

 private:
  const Lookup lookup_;
  std::shared_mutex mutex_;  // guards names_
  std::unordered_map<std::uint32_t, std::string> names_;
};

// Calls `ask`, one of the get…_r functions, with a buffer that is large enough.
template <typename Entry>
std::string ask_name(std::uint32_t number, auto ask, char* Entry::*name) {
  std::vector<char> buffer(1024);
  for (;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int failure = ask(number, &entry, buffer.data(), buffer.size(), &found);
    if (failure == ERANGE && buffer.size() < (1U << 20U)) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    return failure == 0 && found != nullptr ? std::string(found->*name) : std::string();
  }
}

const std::string& user_name(std::uint32_t uid) {
  static OwnerNames names(
      [](std::uint32_t number) { return ask_name(number, ::getpwuid_r, &passwd::pw_name); });
  return names.name_of(uid);
}

const std::string& group_name(std::uint32_t gid) {
  static OwnerNames names(
      [](std::uint32_t number) { return ask_name(number, ::getgrgid_r, &group::gr_name); });
  return names.name_of(gid);
}

NodeType node_type(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return NodeType::file;
    case S_IFDIR:
      return NodeType::dir;
    case S_IFLNK:
      return NodeType::symlink;
    case S_IFBLK:
      return NodeType::dev;
    case S_IFCHR:
      return NodeType::chardev;
    case S_IFIFO:
      return NodeType::fifo;
    case S_IFSOCK:
      return NodeType::socket;
    default:
      return NodeType::irregular;
  }
}

Node basic_node(const std::string& name, const struct ::stat& status, const NodeOptions& options) {
  const auto stamp = [](const struct timespec& time) {
    return local_timestamp(time.tv_sec, static_cast<std::int32_t>(time.tv_nsec));
  };
  Node node;
  node.name = name;
  node.type = node_type(status.st_mode);
  node.mode = format::to_go_mode(status.st_mode);
  node.mtime = stamp(status.st_mtim);
  node.atime = options.with_atime ? stamp(status.st_atim) : node.mtime;
  node.ctime = stamp(status.st_ctim);
  node.uid = status.st_uid;
  node.gid = status.st_gid;
  node.user = user_name(node.uid);
  node.group = group_name(node.gid);
  node.inode = status.st_ino;
  node.device_id = status.st_dev;
  switch (node.type) {
    case NodeType::file:
      node.size_bytes = static_cast<std::uint64_t>(status.st_size);
      node.links = status.st_nlink;
      break;
    case NodeType::symlink:
      node.links = status.st_nlink;
      break;
    case NodeType::dev:
    case NodeType::chardev:
      node.links = status.st_nlink;
      node.device = status.st_rdev;
      break;
    default:
      break;
  }
  return node;
}

std::string read_link(int directory_fd, const std::string& name, std::string_view path) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t size = ::readlinkat(directory_fd, name.c_str(), target.data(), target.size());
    if (size < 0) throw system_error(errno, fmt::format("reading symlink {}", path));
    if (static_cast<std::size_t>(size) < target.size()) {
      target.resize(static_cast<std::size_t>(size));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

// How to reach the xattrs of one file. The way by name goes through /proc, because there is no
// call that takes a directory and a name; without /proc, by the whole path.
class XattrPlace {
 public:
  explicit XattrPlace(int fd) : fd_(fd) {}
  XattrPlace(int directory_fd, const std::string& name, std::string_view path) {
    static const bool has_proc = ::access("/proc/self/fd", X_OK) == 0;
    path_ = has_proc ? fmt::format("/proc/self/fd/{}/{}", directory_fd, name) : std::string(path);
  }

  ssize_t list(char* to, std::size_t size) const noexcept {
    if (fd_ < 0) return ::llistxattr(path_.c_str(), to, size);
    return ::flistxattr(fd_, to, size);
  }
  ssize_t get(const char* attribute, void* to, std::size_t size) const noexcept {
    if (fd_ < 0) return ::lgetxattr(path_.c_str(), attribute, to, size);
    return ::fgetxattr(fd_, attribute, to, size);
  }
  int set(const char* attribute, ByteView value) const noexcept {
    return ::lsetxattr(path_.c_str(), attribute, value.data(), value.size(), 0);
  }
  int remove(const char* attribute) const noexcept {
    return ::lremovexattr(path_.c_str(), attribute);
  }

 private:
  int fd_ = -1;
  std::string path_;
};

// Fills `buffer` by `read`, one of the calls that answer ERANGE if there is too little room.
// Returns what the last call returned; its errno stands.
template <typename Buffer>
ssize_t read_growing(Buffer& buffer, auto read) {
  if (buffer.size() < 1024) buffer.resize(1024);
  for (;;) {
    ssize_t size = read(buffer.data(), buffer.size());
    if (size >= 0 || errno != ERANGE) return size;
    size = read(buffer.data(), 0);  // how much it is now
    if (size < 0) return size;
    buffer.resize(std::max(static_cast<std::size_t>(size), buffer.size()) * 2);
  }
}

bool is_unsupported(int error_number) noexcept {
  // Some network file systems say "no such attribute" where they mean "no attributes at all".
  return error_number == ENOTSUP || error_number == EOPNOTSUPP || error_number == ENODATA;
}

// The names in the system's order. `error_number` is 0, or says why there are none.
std::vector<std::string> list_xattrs(const XattrPlace& place, int& error_number) {
  static thread_local std::vector<char> buffer;
  const ssize_t size = read_growing(
      buffer, [&](char* to, std::size_t room) noexcept { return place.list(to, room); });
  error_number = size < 0 ? errno : 0;
  std::vector<std::string> names;
  std::string_view rest(buffer.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

std::vector<ExtendedAttribute> read_xattrs(const XattrPlace& place, dev_t device,
                                           std::string_view path,
                                           std::optional<Error>* incomplete) {
  // A file system that has no xattrs is not asked again for each of its files.
  static thread_local std::optional<dev_t> device_without;
  std::vector<ExtendedAttribute> attributes;
  if (device_without == device) return attributes;
  int error_number = 0;
  const std::vector<std::string> names = list_xattrs(place, error_number);
  if (is_unsupported(error_number)) {
    if (error_number != ENODATA) device_without = device;
    return attributes;
  }
  const auto fail = [&](int number, std::string_view what) {
    Error error = system_error(number, fmt::format("reading {} of {}", what, path));
    if (incomplete == nullptr) throw error;
    *incomplete = error;
  };
  if (error_number != 0) fail(error_number, "extended attributes");
  static thread_local Bytes buffer;
  for (const std::string& name : names) {
    const ssize_t size = read_growing(buffer, [&](std::byte* to, std::size_t room) noexcept {
      return place.get(name.c_str(), to, room);
    });
    if (size >= 0) {
      attributes.push_back({name, Bytes(buffer.begin(), buffer.begin() + size)});
    } else if (is_unsupported(errno)) {
      attributes.push_back({name, std::nullopt});  // listed, but gone or without a value
    } else {
      fail(errno, fmt::format("extended attribute {}", name));
    }
  }
  return attributes;
}

// Collects what went wrong while everything is tried.
class FirstFailure {
 public:
  explicit FirstFailure(std::string_view path) : path_(path) {}
  void note(int error_number, std::string_view doing) {
    if (!error_) error_ = system_error(error_number, fmt::format("{} of {}", doing, path_));
  }
  void raise() const {
    if (error_) throw Error(*error_);
  }

 private:
  std::string_view path_;
  std::optional<Error> error_;
};

// Attributes that the system itself gives to files: that they cannot be taken away is no failure.
bool is_given_by_system(std::string_view name) noexcept {
  return name.starts_with("security.") || name == "system.nfs4_acl";
}

bool only_root_may_set(std::string_view name) noexcept {
  return name.starts_with("security.") || name.starts_with("trusted.");
}

void apply_xattrs(const XattrPlace& place, const Node& node, bool is_root, FirstFailure& failure) {
  const auto& wanted = node.extended_attributes;
  // Symlinks are saved without xattrs, so that what they lack says nothing.
  if (node.type != NodeType::symlink) {
    int error_number = 0;
    const std::vector<std::string> present = list_xattrs(place, error_number);
    if (error_number != 0 && !is_unsupported(error_number)) {
      failure.note(error_number, "reading extended attributes");
    }
    for (const std::string& name : present) {
      const bool is_wanted = std::any_of(wanted.begin(), wanted.end(),
                                         [&](const auto& each) { return each.name == name; });
      if (is_wanted || place.remove(name.c_str()) == 0 || is_unsupported(errno)) continue;
      if (is_given_by_system(name) || (!is_root && only_root_may_set(name))) continue;
      failure.note(errno, fmt::format("removing extended attribute {}", name));
    }
  }
  for (const ExtendedAttribute& attribute : wanted) {
    const ByteView value = attribute.value ? ByteView(*attribute.value) : ByteView();
    if (place.set(attribute.name.c_str(), value) == 0) continue;
    const bool is_refused = errno == EPERM || errno == EACCES;
    if (is_refused && !is_root && only_root_may_set(attribute.name)) continue;
    failure.note(errno, fmt::format("setting extended attribute {}", attribute.name));
  }
}

// chmod that does not follow a symlink put there meanwhile.
int change_mode(int directory_fd, const char* name, mode_t mode) noexcept {
  constexpr long fchmodat2 = 452;  // Linux 6.6; not yet in Debian 12's headers
  const long result = ::syscall(fchmodat2, directory_fd, name, mode, AT_SYMLINK_NOFOLLOW);
  // Filters of system calls that do not know it answer EPERM.
  if (result == 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(result);
  return ::fchmodat(directory_fd, name, mode, AT_SYMLINK_NOFOLLOW);
}

}  // namespace

Node make_node(int directory_fd, const std::string& name, const struct ::stat& status,
               const NodeOptions& options, std::string_view path,
               std::optional<Error>* incomplete) {
  Node node = basic_node(name, status, options);
  if (node.type == NodeType::symlink) {
    node.link_target = read_link(directory_fd, name, path);
    return node;
  }
  node.extended_attributes =
      read_xattrs(XattrPlace(directory_fd, name, path), status.st_dev, path, incomplete);
  return node;
}

Node make_node_of_open(int fd, const std::string& name, const struct ::stat& status,
                       const NodeOptions& options, std::string_view path,
                       std::optional<Error>* incomplete) {
  Node node = basic_node(name, status, options);
  // A directory may be open as O_PATH, which the calls on descriptors refuse.
  const XattrPlace place = node.type == NodeType::dir ? XattrPlace(fd, ".", path) : XattrPlace(fd);
  node.extended_attributes = read_xattrs(place, status.st_dev, path, incomplete);
  return node;
}

bool is_same_node(const Node& a, const Node& b) {
  const auto by_name = [](const Node& node) {
    std::vector<const ExtendedAttribute*> sorted;
    sorted.reserve(node.extended_attributes.size());
    for (const auto& attribute : node.extended_attributes) sorted.push_back(&attribute);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* x, const auto* y) { return x->name < y->name; });
    return sorted;
  };
  const auto is_same_attribute = [](const ExtendedAttribute* x, const ExtendedAttribute* y) {
    return x->name == y->name && x->value.value_or(Bytes()) == y->value.value_or(Bytes());
  };
  const bool is_same_but_xattrs =
      a.name == b.name && a.type == b.type && a.mode == b.mode && a.mtime == b.mtime &&
      a.atime == b.atime && a.ctime == b.ctime && a.uid == b.uid && a.gid == b.gid &&
      a.user == b.user && a.group == b.group && a.inode == b.inode && a.device_id == b.device_id &&
      a.size_bytes == b.size_bytes && a.links == b.links && a.link_target == b.link_target &&
      a.device == b.device && a.content == b.content && a.subtree == b.subtree &&
      a.error == b.error;
  if (!is_same_but_xattrs) return false;
  if (a.extended_attributes == b.extended_attributes) return true;
  const auto of_a = by_name(a);
  const auto of_b = by_name(b);
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), is_same_attribute);
}

void apply_metadata(int directory_fd, const std::string& name, const Node& node,
                    std::string_view path) {
  FirstFailure failure(path);
  const bool is_root = ::geteuid() == 0;
  if (::fchownat(directory_fd, name.c_str(), node.uid, node.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    const bool is_refused = errno == EPERM || errno == EACCES || errno == EINVAL;
    if (is_root || !is_refused) failure.note(errno, "changing the owner");
  }
  apply_xattrs(XattrPlace(directory_fd, name, path), node, is_root, failure);
  if (node.type != NodeType::symlink &&
      change_mode(directory_fd, name.c_str(), format::to_unix_permissions(node.mode)) != 0) {
    failure.note(errno, "changing the mode");
  }
  const struct timespec times[2] = {{node.atime.seconds, node.atime.nanoseconds},
                                    {node.mtime.seconds, node.mtime.nanoseconds}};
  if (::utimensat(directory_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    failure.note(errno, "setting the times");
  }
  failure.raise();
}

}  // namespace holdfast::archive

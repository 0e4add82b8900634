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

// The same backwards. Bounded, because names come from trees.
class OwnerNumbers {
 public:
  using Number = std::optional<std::uint32_t>;
  using Lookup = Number (*)(const std::string&);
  explicit OwnerNumbers(Lookup lookup) : lookup_(lookup) {}

  Number number_of(const std::string& name) {
    {
      const std::shared_lock lock(mutex_);
      const auto known = numbers_.find(name);
      if (known != numbers_.end()) return known->second;
    }
    const Number number = lookup_(name);  // may ask a directory service: not under the lock
    const std::unique_lock lock(mutex_);
    if (numbers_.size() >= count_max) numbers_.clear();
    numbers_.try_emplace(name, number);
    return number;
  }

 private:
  static constexpr std::size_t count_max = 10'000;
  const Lookup lookup_;
  std::shared_mutex mutex_;  // guards numbers_
  std::unordered_map<std::string, Number> numbers_;
};

// Calls `ask`, one of the get…nam_r functions, with a buffer that is large enough.
template <typename Entry>
OwnerNumbers::Number ask_number(const std::string& name, auto ask, std::uint32_t Entry::*number) {
  std::vector<char> buffer(1024);
  for (;;) {
    Entry entry{};
    Entry* found = nullptr;
    const int failure = ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (failure == ERANGE && buffer.size() < (1U << 20U)) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (failure != 0 || found == nullptr) return std::nullopt;
    return found->*number;
  }
}

// Whether there may be an owner of this name at all.
bool is_owner_name(const std::string& name) noexcept {
  return !name.empty() && name.size() <= 256 && name.find('\0') == std::string::npos;
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
    if (fd_ >= 0) return ::fsetxattr(fd_, attribute, value.data(), value.size(), 0);
    return ::lsetxattr(path_.c_str(), attribute, value.data(), value.size(), 0);
  }
  int remove(const char* attribute) const noexcept {
    if (fd_ >= 0) return ::fremovexattr(fd_, attribute);
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

// Collects what went wrong while everything is tried: all is counted, the gravest are named, and an
// ordinary user's refusals are none.
class MetadataFailures {
 public:
  explicit MetadataFailures(std::string_view path) : path_(path) {}

  void note(int error_number, std::string_view doing) {
    if (!is_root && (error_number == EPERM || error_number == EACCES)) return;
    ++count_;
    Error error = system_error(error_number, fmt::format("{} of {}", doing, path_));
    const auto graver = [](const Error& a, const Error& b) { return rank(a) < rank(b); };
    named_.insert(std::upper_bound(named_.begin(), named_.end(), error, graver), error);
    if (named_.size() > named_max) named_.pop_back();
  }

  // `also` is a line that shall not be lost with what failed; may be empty.
  void raise(std::string_view also) const {
    if (named_.empty()) return;
    std::string message;
    for (const Error& error : named_) message += (message.empty() ? "" : "; ") + error.message();
    if (count_ > named_.size()) message += fmt::format("; and {} more", count_ - named_.size());
    if (!also.empty()) message += fmt::format("; {}", also);
    throw Error(named_.front().code(), std::move(message));
  }

  const bool is_root = ::geteuid() == 0;

 private:
  static constexpr std::size_t named_max = 3;

  // What stops all that follows comes first, what only this file's owner forbids last.
  static int rank(const Error& error) noexcept {
    return error.code() == Errc::no_space ? 0 : error.code() == Errc::denied ? 2 : 1;
  }

  std::string_view path_;
  std::vector<Error> named_;  // gravest first
  std::size_t count_ = 0;
};

// Attributes that the system itself gives to files: that they cannot be taken away is no failure.
bool is_given_by_system(std::string_view name) noexcept {
  return name.starts_with("security.") || name == "system.nfs4_acl";
}

// What lends a program rights of its own.
constexpr std::string_view capability_name = "security.capability";
constexpr mode_t set_id_bits = S_ISUID | S_ISGID;

// chmod that does not follow a symlink put there meanwhile.
int change_mode_at(int directory_fd, const char* name, mode_t mode) noexcept {
  constexpr long fchmodat2 = 452;  // Linux 6.6; not yet in Debian 12's headers
  const long result = ::syscall(fchmodat2, directory_fd, name, mode, AT_SYMLINK_NOFOLLOW);
  // Filters of system calls that do not know it answer EPERM.
  if (result == 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(result);
  return ::fchmodat(directory_fd, name, mode, AT_SYMLINK_NOFOLLOW);
}

// What metadata is set on: an entry of a directory, or a file that is open.
class Entry {
 public:
  explicit Entry(int fd) : fd_(fd), xattrs_(fd) {}
  Entry(int directory_fd, const std::string& name, std::string_view path)
      : fd_(directory_fd), name_(name.c_str()), xattrs_(directory_fd, name, path) {}

  int change_owner(const Owner& owner) const noexcept {
    return name_ == nullptr ? ::fchown(fd_, owner.uid, owner.gid)
                            : ::fchownat(fd_, name_, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW);
  }
  int change_mode(mode_t mode) const noexcept {
    return name_ == nullptr ? ::fchmod(fd_, mode) : change_mode_at(fd_, name_, mode);
  }
  int set_times(const struct timespec (&times)[2]) const noexcept {
    return name_ == nullptr ? ::futimens(fd_, times)
                            : ::utimensat(fd_, name_, times, AT_SYMLINK_NOFOLLOW);
  }
  [[nodiscard]] const XattrPlace& xattrs() const noexcept { return xattrs_; }

 private:
  int fd_;
  const char* name_ = nullptr;
  XattrPlace xattrs_;
};

// False if the file's owner is not, or not surely, the node's.
bool set_owner(const Entry& entry, const Owner& owner, MetadataFailures& failures) {
  // The number that means "leave it" to the system is nobody's.
  constexpr auto left = static_cast<std::uint32_t>(-1);
  int reason = EINVAL;
  if (owner.uid != left && owner.gid != left) {
    if (entry.change_owner(owner) == 0) return true;
    reason = errno;
  }
  // Numbers that a user namespace does not know are EINVAL.
  if (failures.is_root || reason != EINVAL) failures.note(reason, "changing the owner");
  return false;
}

void remove_other_xattrs(const XattrPlace& place, const std::vector<ExtendedAttribute>& wanted,
                         MetadataFailures& failures) {
  int error_number = 0;
  const std::vector<std::string> present = list_xattrs(place, error_number);
  if (error_number != 0 && !is_unsupported(error_number)) {
    failures.note(error_number, "reading extended attributes");
  }
  for (const std::string& name : present) {
    const bool is_wanted = std::any_of(wanted.begin(), wanted.end(),
                                       [&](const auto& each) { return each.name == name; });
    if (is_wanted || place.remove(name.c_str()) == 0) continue;
    const int reason = errno;
    if (is_unsupported(reason) || is_given_by_system(name)) continue;
    failures.note(reason, fmt::format("removing extended attribute {}", name));
  }
}

void set_xattrs(const XattrPlace& place, const std::vector<ExtendedAttribute>& wanted,
                MetadataFailures& failures) {
  for (const ExtendedAttribute& attribute : wanted) {
    const ByteView value = attribute.value ? ByteView(*attribute.value) : ByteView();
    // A name that the system would see the front of may be another attribute's.
    const bool is_whole = attribute.name.find('\0') == std::string::npos;
    if (is_whole && place.set(attribute.name.c_str(), value) == 0) continue;
    const int reason = is_whole ? errno : EINVAL;
    failures.note(reason, fmt::format("setting extended attribute {}", attribute.name.c_str()));
  }
}

std::string apply_to(const Entry& entry, const Node& node, std::string_view path,
                     const std::optional<Owner>& given_owner) {
  MetadataFailures failures(path);
  const bool is_symlink = node.type == NodeType::symlink;
  const Owner owner = given_owner.value_or(Owner{node.uid, node.gid});
  const bool is_owner_set = set_owner(entry, owner, failures);

  // A program that runs with its owner's rights was written by him, or at least approved; under
  // another owner it would lend rights that nobody meant to lend.
  std::string withheld;
  const auto withhold = [&](std::string_view what) {
    withheld += withheld.empty() ? "" : ", ";
    withheld += what;
  };
  auto permissions = static_cast<mode_t>(format::to_unix_permissions(node.mode));
  if (!is_owner_set && !is_symlink) {
    if ((permissions & S_ISUID) != 0) withhold("set-uid");
    if ((permissions & S_ISGID) != 0) withhold("set-gid");
    permissions &= ~set_id_bits;
  }
  const auto is_capability = [](const ExtendedAttribute& each) {
    return each.name == capability_name;
  };
  const XattrPlace& place = entry.xattrs();
  const auto apply_xattrs = [&](const std::vector<ExtendedAttribute>& wanted) {
    // Symlinks are saved without xattrs, so that what they lack says nothing.
    if (!is_symlink) remove_other_xattrs(place, wanted, failures);
    set_xattrs(place, wanted, failures);
  };
  const auto& wanted = node.extended_attributes;
  if (!is_owner_set && std::any_of(wanted.begin(), wanted.end(), is_capability)) {
    withhold("file capabilities");
    std::vector<ExtendedAttribute> others = wanted;
    std::erase_if(others, is_capability);
    apply_xattrs(others);
  } else {
    apply_xattrs(wanted);
  }

  if (!is_symlink && entry.change_mode(permissions) != 0) {
    failures.note(errno, "changing the mode");
  }
  const struct timespec times[2] = {{node.atime.seconds, node.atime.nanoseconds},
                                    {node.mtime.seconds, node.mtime.nanoseconds}};
  if (entry.set_times(times) != 0) {
    failures.note(errno, "setting the times");
  }
  if (!withheld.empty()) {
    withheld =
        fmt::format("{} is left without {}, because it could not be given to its owner {}:{}", path,
                    withheld, owner.uid, owner.gid);
  }
  failures.raise(withheld);
  return withheld;
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

Owner owner_by_name(const Node& node) {
  static OwnerNumbers users(
      [](const std::string& name) { return ask_number(name, ::getpwnam_r, &passwd::pw_uid); });
  static OwnerNumbers groups(
      [](const std::string& name) { return ask_number(name, ::getgrnam_r, &group::gr_gid); });
  Owner owner{node.uid, node.gid};
  if (is_owner_name(node.user)) owner.uid = users.number_of(node.user).value_or(node.uid);
  if (is_owner_name(node.group)) owner.gid = groups.number_of(node.group).value_or(node.gid);
  return owner;
}

std::string apply_metadata(int directory_fd, const std::string& name, const Node& node,
                           std::string_view path, const std::optional<Owner>& owner) {
  return apply_to(Entry(directory_fd, name, path), node, path, owner);
}

std::string apply_metadata_to_open(int fd, const Node& node, std::string_view path,
                                   const std::optional<Owner>& owner) {
  return apply_to(Entry(fd), node, path, owner);
}

}  // namespace holdfast::archive

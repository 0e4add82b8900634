// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "archive/file_node.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

constexpr std::size_t hole_bytes_min = 4096;
constexpr std::size_t xattr_bytes_max = 64U << 10U;  // Linux's own limit, for names and values

bool selects_xattr(const RestoreOptions& options, const std::string& name) {
  if (!options.xattr_excludes.empty()) return !options.xattr_excludes.matches("/" + name);
  if (!options.xattr_includes.empty()) return options.xattr_includes.matches("/" + name);
  return true;
}

// The xattrs that the filter leaves alone: those the file has now stay, those of the node do not
// come.
void keep_unselected_xattrs(const RestoreOptions& options, const std::string& path,
                            format::Node& node) {
  std::erase_if(node.extended_attributes, [&](const format::ExtendedAttribute& attribute) {
    return !selects_xattr(options, attribute.name);
  });
  std::string names(xattr_bytes_max, '\0');
  const ssize_t names_size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (names_size <= 0) return;
  names.resize(static_cast<std::size_t>(names_size));
  for (std::size_t at = 0; at < names.size(); at += std::strlen(&names[at]) + 1) {
    const std::string name(&names[at]);
    if (selects_xattr(options, name)) continue;
    Bytes value(xattr_bytes_max);
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    value.resize(static_cast<std::size_t>(size));
    node.extended_attributes.push_back({name, std::move(value)});
  }
}

}  // namespace

void write_sparse(int fd, ByteView bytes, std::uint64_t offset_bytes, std::string_view path) {
  static constexpr std::array<std::byte, hole_bytes_min> zeros{};
  std::size_t begin = 0;  // of what is to be written
  for (std::size_t at = 0; at < bytes.size();) {
    // Pages are those of the file, wherever the blob begins.
    const std::size_t page_left = hole_bytes_min - (offset_bytes + at) % hole_bytes_min;
    const std::size_t size = std::min(page_left, bytes.size() - at);
    if (std::memcmp(bytes.data() + at, zeros.data(), size) == 0) {
      if (at > begin) pwrite_all(fd, bytes.subspan(begin, at - begin), offset_bytes + begin, path);
      begin = at + size;
    }
    at += size;
  }
  if (begin < bytes.size()) pwrite_all(fd, bytes.subspan(begin), offset_bytes + begin, path);
}

void reserve_room(int fd, std::uint64_t size_bytes, std::string_view path) {
  struct ::statfs system {};
  const bool is_known = ::fstatfs(fd, &system) == 0;
  const bool lies_in_memory = is_known && system.f_type == TMPFS_MAGIC;
  // Ext4 and XFS would take all there is before they say that it is not enough.
  if (lies_in_memory ||
      (is_known && (system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC))) {
    const auto free_bytes =
        static_cast<std::uint64_t>(system.f_bfree) * static_cast<std::uint64_t>(system.f_bsize);
    if (system.f_blocks != 0 && size_bytes > free_bytes)  // no blocks: it has no limit
      throw system_error(ENOSPC, fmt::format("finding room for {}", path));
  }
  if (lies_in_memory) return;
  if (::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_bytes)) == 0) return;
  const int reason = errno;
  if (reason != ENOSPC && reason != EDQUOT) return;
  // What was taken until then goes back, although it lies behind the end.
  set_file_size(fd, 0, path);
  throw system_error(reason, fmt::format("reserving room for {}", path));
}

void set_file_size(int fd, std::uint64_t size_bytes, std::string_view path) {
  if (::ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) {
    throw system_error(errno, fmt::format("setting the size of {}", path));
  }
}

std::string restore_metadata(RestoreTarget& target, const RestoreOptions& options,
                             const TargetDirectory& directory, const std::string& name,
                             const format::Node& node, const Fd* open) {
  const std::string path = target.path_of(directory, name);
  std::optional<Owner> owner;
  if (options.ownership_by_name) owner = owner_by_name(node);
  const bool takes_all_xattrs = options.xattr_excludes.empty() && options.xattr_includes.empty();
  if (open != nullptr && takes_all_xattrs)
    return apply_metadata_to_open(open->get(), node, path, owner);
  const std::shared_ptr<const Fd> fd = target.open(directory);
  if (takes_all_xattrs) {
    return apply_metadata(fd->get(), name, node, path, owner);
  }
  format::Node selected = node;
  keep_unselected_xattrs(options, fmt::format("/proc/self/fd/{}/{}", fd->get(), name), selected);
  return apply_metadata(fd->get(), name, selected, path, owner);
}

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// Between the file system and tree nodes: what lstat and listxattr say as a Node, and a Node's
// metadata back onto a file. Linux. Neither content nor subtrees.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "format/tree.h"

namespace holdfast::archive {

struct NodeOptions {
  bool with_atime = false;  // else atime = mtime, as restic
};

// Everything but content and subtree. `directory_fd` and `name` name the file; a symlink is not
// followed. `path` is for messages. Names of owners are looked up once per process and cached.
// Xattrs come in the order the system lists them, and none for symlinks, both as restic 0.14; that
// the file system has none is no failure. Another failure to read xattrs is thrown, or, with
// `incomplete`, put there, and the node comes without them. Errc by system_error.
[[nodiscard]] format::Node make_node(int directory_fd, const std::string& name,
                                     const struct ::stat& status, const NodeOptions& options,
                                     std::string_view path,
                                     std::optional<Error>* incomplete = nullptr);
// The same for a file that is open as `fd`, which saves the way through the directory. O_PATH will
// do for a directory, reached through a symlink or not.
[[nodiscard]] format::Node make_node_of_open(int fd, const std::string& name,
                                             const struct ::stat& status,
                                             const NodeOptions& options, std::string_view path,
                                             std::optional<Error>* incomplete = nullptr);

// Whether two nodes say the same: restic's measure of "unmodified". Order of xattrs does not count.
[[nodiscard]] bool is_same_node(const format::Node& a, const format::Node& b);

// Who a file belongs to on this host.
struct Owner {
  std::uint32_t uid = 0, gid = 0;
};
// By the names in the node, as this host has them; by number where the node has no name or the host
// does not know it (restic: root). Looked up once per process and cached.
[[nodiscard]] Owner owner_by_name(const format::Node& node);

// Sets owner (the node's numbers, unless given), xattrs (removing those the node lacks), mode,
// times: in this order each sticks, because a change of owner clears setuid and file capabilities,
// an ACL changes the mode, and everything changes ctime. Never follows a symlink, whose mode is
// left alone.
//
// A file whose owner could not be set gets neither set-uid and set-gid nor file capabilities, as
// with cp: what it would lend are another's rights. The return value is then a line for the report;
// else empty.
//
// All is tried; then one Error tells what failed, gravest first, and counts what it does not name.
// What the system does not let an ordinary user do is no failure, as restic.
std::string apply_metadata(int directory_fd, const std::string& name, const format::Node& node,
                           std::string_view path, const std::optional<Owner>& owner = std::nullopt);
// The same for a file that is open as `fd`, which saves the way through the directory.
std::string apply_metadata_to_open(int fd, const format::Node& node, std::string_view path,
                                   const std::optional<Owner>& owner = std::nullopt);

}  // namespace holdfast::archive

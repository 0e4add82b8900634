// SPDX-License-Identifier: Apache-2.0
// Directories as nodes, whether they are in a snapshot or on disk: restoring one and comparing one
// with what is on disk. For snapshots, archive/restorer.h restores faster; this is for everything
// else.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/tree_walk.h"
#include "base/stream.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::job {

class NodeDirectory {
 public:
  virtual ~NodeDirectory() = default;
  NodeDirectory(const NodeDirectory&) = delete;
  NodeDirectory& operator=(const NodeDirectory&) = delete;
  // Sorted by name. Sockets are not among them.
  [[nodiscard]] virtual std::vector<format::Node> entries() = 0;
  // A directory among them. Errc::corrupt if that is none.
  [[nodiscard]] virtual std::unique_ptr<NodeDirectory> open(const format::Node& directory) = 0;
  // The content of a file among them, verified where it comes from a repository.
  [[nodiscard]] virtual std::unique_ptr<ByteSource> read(const format::Node& file) = 0;

 protected:
  NodeDirectory() = default;
};

// A saved tree. The repository outlives it; its index is loaded.
[[nodiscard]] std::unique_ptr<NodeDirectory> open_node_directory(repo::Repository& repository,
                                                                 const format::Id& tree);
// A directory on disk; a symlink is not followed.
[[nodiscard]] std::unique_ptr<NodeDirectory> open_node_directory(
    const std::filesystem::path& directory);

// Makes `target`, which is not there but whose parent is, what `node`, an entry of `parent`, is,
// with all metadata and everything below. The first failure ends it. Counts to observer.bytes_done
// and files_done.
void restore_node(NodeDirectory& parent, const format::Node& node,
                  const std::filesystem::path& target, model::Observer& observer,
                  std::stop_token stop);

struct NodeDifference {
  std::string path;             // on disk
  std::string expected, found;  // "mode 0644", "a file", "nothing", "content of 12 bytes"
};

// What of `target` is not as `node`, an entry of `parent`, and everything below it: what is
// missing, too many, of another type, has other metadata, or, with `content`, holds other bytes.
// Owners, xattrs that only root may set, and set-uid and set-gid of others' files count only for
// root. At most `count_max` differences.
[[nodiscard]] std::vector<NodeDifference> compare_node(NodeDirectory& parent,
                                                       const format::Node& node,
                                                       const std::filesystem::path& target,
                                                       bool content, std::size_t count_max,
                                                       std::stop_token stop);

// A node and the directory it is in.
struct NodePlace {
  std::unique_ptr<NodeDirectory> parent;
  format::Node node;
};
// What lies at a path on disk. Errc::not_found.
[[nodiscard]] NodePlace find_entry(const std::filesystem::path& path);

// restore_node(), and with `verify` everything is read back: items that differ are told to the
// observer; how many.
[[nodiscard]] std::uint64_t restore_verified(const NodePlace& place,
                                             const std::filesystem::path& target, bool verify,
                                             model::Observer& observer, std::stop_token stop);

// Everything below and including a node: files are all that is no directory.
struct NodeCounts {
  std::uint64_t files = 0, directories = 0, bytes = 0;
};
[[nodiscard]] NodeCounts count_node(NodeDirectory& parent, const format::Node& node,
                                    std::stop_token stop);

}  // namespace holdfast::job

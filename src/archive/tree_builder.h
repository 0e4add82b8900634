// SPDX-License-Identifier: Apache-2.0
// Builds a tree that is no directory on disk: the snapshot of an instance, a stdin backup.
// The same calls in any order give the same tree: nothing in it depends on when or where it is
// built but the time and the owner.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "archive/stream_saver.h"
#include "base/timestamp.h"
#include "format/tree.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

class TreeBuilder {
 public:
  // Directories (mode 0700) and files that have no metadata of their own get this time and the
  // process's owner, by number, as restic's for standard input.
  explicit TreeBuilder(const Timestamp& time);
  ~TreeBuilder();
  TreeBuilder(const TreeBuilder&) = delete;
  TreeBuilder& operator=(const TreeBuilder&) = delete;

  // `path` is relative, components joined by '/', none of them empty, `.` or `..`: Errc::bug; so
  // is a place that is taken. A directory on the way is made if it is missing.
  void add_file(std::string_view path, const SavedStream& stream,
                std::uint32_t unix_permissions = 0600);
  // Grafts the content of a saved tree (see save_paths) at the directory `path`.
  void add_tree(std::string_view path, const format::Id& tree);
  // Any node under a directory; its name is taken from the last component of `path`.
  void add_node(std::string_view path, format::Node node);

  // Saves all directories, deepest first, and returns the root tree.
  [[nodiscard]] format::Id save(repo::BlobWriter& writer, repo::BlobWriter::Worker& worker);

 private:
  struct Directory;
  [[nodiscard]] format::Node new_node(format::NodeType type, std::uint32_t st_mode) const;
  [[nodiscard]] format::Id save_directory(const Directory& directory, repo::BlobWriter& writer,
                                          repo::BlobWriter::Worker& worker) const;

  std::unique_ptr<Directory> root_;
  Timestamp time_;
};

}  // namespace holdfast::archive

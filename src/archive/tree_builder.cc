// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_builder.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <utility>
#include <variant>

#include "base/error.h"

namespace holdfast::archive {

// Entries by name bytes: a directory built here, or a node that is ready.
struct TreeBuilder::Directory {
  std::map<std::string, std::variant<std::unique_ptr<Directory>, format::Node>, std::less<>>
      entries;
};

TreeBuilder::TreeBuilder(const Timestamp& time)
    : root_(std::make_unique<Directory>()), time_(time) {}

TreeBuilder::~TreeBuilder() = default;

format::Node TreeBuilder::new_node(format::NodeType type, std::uint32_t st_mode) const {
  format::Node node;
  node.type = type;
  node.mode = format::to_go_mode(st_mode);
  node.mtime = node.atime = node.ctime = time_;
  node.uid = ::getuid();
  node.gid = ::getgid();
  return node;
}

void TreeBuilder::add_file(std::string_view path, const SavedStream& stream,
                           std::uint32_t unix_permissions) {
  format::Node node = new_node(format::NodeType::file, S_IFREG | (unix_permissions & 07777U));
  node.size_bytes = stream.size_bytes;
  node.content = stream.content;
  add_node(path, std::move(node));
}

void TreeBuilder::add_tree(std::string_view path, const format::Id& tree) {
  format::Node node = new_node(format::NodeType::dir, S_IFDIR | 0700U);
  node.subtree = tree;
  add_node(path, std::move(node));
}

void TreeBuilder::add_node(std::string_view path, format::Node node) {
  const std::string whole(path);
  Directory* directory = root_.get();
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    check_rule(!name.empty() && name != "." && name != "..",
               fmt::format("\"{}\" is a path inside a tree", whole));
    if (slash == std::string_view::npos) {
      node.name = name;
      const bool is_free = directory->entries.try_emplace(name, std::move(node)).second;
      check_rule(is_free, fmt::format("\"{}\" has one place in a tree", whole));
      return;
    }
    auto& entry = directory->entries.try_emplace(name, std::make_unique<Directory>()).first->second;
    auto* below = std::get_if<std::unique_ptr<Directory>>(&entry);
    check_rule(below != nullptr, fmt::format("what \"{}\" lies in is a directory", whole));
    directory = below->get();
    path.remove_prefix(slash + 1);
  }
}

// Recursive as deep as the paths that were added, which are our own.
format::Id TreeBuilder::save_directory(const Directory& directory, repo::BlobWriter& writer,
                                       repo::BlobWriter::Worker& worker) const {
  format::TreeWriter tree;
  for (const auto& [name, entry] : directory.entries) {
    if (const auto* ready = std::get_if<format::Node>(&entry)) {
      tree.add(*ready);
      continue;
    }
    format::Node node = new_node(format::NodeType::dir, S_IFDIR | 0700U);
    node.name = name;
    node.subtree = save_directory(*std::get<std::unique_ptr<Directory>>(entry), writer, worker);
    tree.add(node);
  }
  return writer.save(format::BlobType::tree, tree.finish(), worker).id;
}

format::Id TreeBuilder::save(repo::BlobWriter& writer, repo::BlobWriter::Worker& worker) {
  return save_directory(*root_, writer, worker);
}

}  // namespace holdfast::archive

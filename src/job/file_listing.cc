// SPDX-License-Identifier: Apache-2.0
#include "job/file_listing.h"

#include "archive/tree_walk.h"

namespace holdfast::job {
namespace {

void field(std::string& line, std::string_view text) {
  line += std::to_string(text.size());
  line += ':';
  line += text;
}

void field(std::string& line, std::uint64_t number) {
  line += std::to_string(number);
  line += ';';
}

}  // namespace

void FileListing::add(std::string_view path, const format::Node& node) {
  const bool is_directory = node.type == format::NodeType::dir;
  (is_directory ? directories : files) += 1;
  line_.clear();
  field(line_, path);
  field(line_, format::node_type_name(node.type));
  field(line_, node.mode);
  field(line_, node.uid);
  field(line_, node.gid);
  if (!is_directory) field(line_, node.device);
  field(line_, node.link_target);
  for (const format::ExtendedAttribute& attribute : node.extended_attributes) {
    field(line_, attribute.name);
    field(line_, attribute.value ? as_text(*attribute.value) : std::string_view());
  }
  if (node.type == format::NodeType::file) {
    bytes += node.size_bytes;
    field(line_, node.size_bytes);
    field(line_, static_cast<std::uint64_t>(node.mtime.seconds));
    field(line_, static_cast<std::uint64_t>(node.mtime.nanoseconds));
    if (node.content) {
      for (const format::Id& blob : *node.content) line_ += blob.hex();
    }
  }
  line_ += '\n';
  hash_.update(as_bytes(line_));
}

FileListing list_files(
    repo::Repository& repository, const format::Id& tree, std::stop_token stop,
    const std::function<void(const std::string& path, const format::Node& node)>& each) {
  FileListing listing;
  archive::walk_tree(
      repository, tree,
      [&](const std::string& path, const format::Node& node) {
        listing.add(path, node);
        if (each) each(path, node);
        return archive::Walk::on;
      },
      stop);
  return listing;
}

}  // namespace holdfast::job

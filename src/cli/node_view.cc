// SPDX-License-Identifier: Apache-2.0
#include "cli/node_view.h"

#include <fmt/format.h>

#include "base/units.h"
#include "cli/snapshot_view.h"
#include "cli/text.h"

namespace holdfast::cli {

std::string permissions_text(std::uint32_t go_mode) {
  // One letter for each bit from the highest down, then the nine of the permissions.
  constexpr std::string_view type_letters = "dalTLDpSugct?";
  constexpr std::string_view permission_letters = "rwxrwxrwx";
  std::string text;
  for (std::size_t i = 0; i < type_letters.size(); ++i) {
    if ((go_mode & (UINT32_C(1) << (31 - i))) != 0) text += type_letters[i];
  }
  if (text.empty()) text = "-";
  for (std::size_t i = 0; i < permission_letters.size(); ++i) {
    text += (go_mode & (UINT32_C(1) << (8 - i))) != 0 ? permission_letters[i] : '-';
  }
  return text;
}

Json node_json(const std::string& path, const format::Node& node) {
  Json json = Json::object();
  json.set("name", node.name);
  json.set("type", format::node_type_name(node.type));
  json.set("path", path);
  json.set("uid", node.uid);
  json.set("gid", node.gid);
  if (node.type == format::NodeType::file) json.set("size", node.size_bytes);
  if (node.mode != 0) json.set("mode", node.mode);
  json.set("permissions", permissions_text(node.mode));
  json.set("mtime", to_rfc3339(node.mtime));
  json.set("atime", to_rfc3339(node.atime));
  json.set("ctime", to_rfc3339(node.ctime));
  if (node.inode != 0) json.set("inode", node.inode);
  json.set("message_type", "node");
  json.set("struct_type", "node");
  return json;
}

std::string node_line(const std::string& path, const format::Node& node, bool human_sizes) {
  const std::string size =
      human_sizes ? format_bytes(node.size_bytes) : fmt::format("{:6}", node.size_bytes);
  std::string line = fmt::format("{} {:5} {:5} {} {} {}", permissions_text(node.mode), node.uid,
                                 node.gid, size, display_local(node.mtime), printable(path));
  if (node.type == format::NodeType::symlink) line += " -> " + printable(node.link_target);
  return line;
}

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
#include "archive/repair_edit.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace holdfast::archive {

TreeEdit::Verdict RepairEdit::judge(const std::string& path, format::Node& node, bool is_first) {
  const auto tell = [&](const std::string& what) {
    if (is_first) observer_.warning(fmt::format("{}: {}", path, what));
  };
  if (node.type == format::NodeType::irregular) {
    tell("it is of no type that can be restored, and is left out");
    return Verdict::left_out;
  }
  if (node.type != format::NodeType::file) return Verdict::same;
  const std::size_t count = node.content ? node.content->size() : 0;
  std::vector<format::Id> left;
  left.reserve(count);
  std::uint64_t left_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const format::Id& id = (*node.content)[i];
    if (const auto blob = index_.numbered({format::BlobType::data, id})) {
      left.push_back(id);
      left_bytes += blob->plain_bytes;
    }
  }
  if (node.content && left.size() == count && left_bytes == node.size_bytes) return Verdict::same;
  if (left.size() != count) {
    tell(fmt::format("{} of {} pieces of its content are lost; {} of {} bytes are left",
                     count - left.size(), count, left_bytes, node.size_bytes));
  } else if (!node.content) {
    tell("it has no list of its content, and is now empty");
  } else {
    tell(fmt::format("it was said to have {} bytes and has {}", node.size_bytes, left_bytes));
  }
  node.content = std::move(left);
  node.size_bytes = left_bytes;
  return Verdict::changed;
}

void RepairEdit::unreadable(const std::string& path, const Error& error) {
  observer_.warning(fmt::format("{}: its entries are lost: {}", path, error.message()));
}

void RepairEdit::not_understood(const std::string& path, const Error& error) {
  observer_.warning(
      fmt::format("{}: it stays as it is, for nothing of it is lost, but it was "
                  "written wrongly: {}",
                  path, error.message()));
}

}  // namespace holdfast::archive

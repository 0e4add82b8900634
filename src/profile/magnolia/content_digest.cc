// SPDX-License-Identifier: Apache-2.0
// The digest of the test instances.
#include "profile/magnolia/content_digest.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace holdfast::profile::magnolia {
namespace {

using Rows = std::map<NodeId, std::string>;

void add(Sha256& hash, std::string_view before, const Rows& rows) {
  std::vector<const Rows::value_type*> order;
  for (const Rows::value_type& row : rows) order.push_back(&row);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(signed_half(a->first.high), signed_half(a->first.low)) <
           std::pair(signed_half(b->first.high), signed_half(b->first.low));
  });
  for (const Rows::value_type* row : order) {
    const auto size = static_cast<std::uint32_t>(row->second.size());
    std::array<std::byte, 4> length{};
    for (std::size_t i = 0; i < length.size(); ++i)
      length[i] = static_cast<std::byte>(size >> (24 - 8 * i));
    hash.update(as_bytes(before));
    hash.update(as_bytes(row->first.text()));
    hash.update(length);
    hash.update(as_bytes(row->second));
  }
}

}  // namespace

std::string content_digest(const std::map<std::string, WorkspaceRows>& workspaces) {
  Sha256 all;
  for (const auto& [name, rows] : workspaces) {
    Sha256 one;
    add(one, "", rows.bundles);
    add(one, "ref ", rows.references);
    all.update(as_bytes(name + " " + to_hex(one.finish()) + "\n"));
  }
  return to_hex(all.finish());
}

}  // namespace holdfast::profile::magnolia

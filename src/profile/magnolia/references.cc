// SPDX-License-Identifier: Apache-2.0
// Rows of REFS tables.
#include "profile/magnolia/references.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t id_text_size = 36;

std::optional<Referrer> parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != id_text_size) return std::nullopt;
  const auto node = NodeId::of_text(text.substr(0, slash));
  const std::string_view name = text.substr(slash + 1);
  const std::size_t end = name.find('}');
  if (!node || !name.starts_with('{') || end == std::string_view::npos || end + 1 == name.size())
    return std::nullopt;
  return Referrer{*node, {name.substr(1, end - 1), name.substr(end + 1)}};
}

}  // namespace

void read_references(const NodeId& id, ByteView row,
                     const std::function<void(const Referrer&)>& take) {
  std::size_t at = 0;
  const auto fail = [&](std::string_view what) {
    throw Error(Errc::corrupt,
                fmt::format("references to node {}: {} at offset {}", id.text(), what, at));
  };
  if (row.size() < 4) fail("no count");
  const std::uint32_t count = load_be32(row.data());
  at = 4;
  for (std::uint32_t n = 0; n < count; ++n) {
    if (row.size() - at < 2) fail(fmt::format("{} of {} are missing", count - n, count));
    const std::size_t size =
        std::to_integer<std::size_t>(row[at]) << 8U | std::to_integer<std::size_t>(row[at + 1]);
    if (row.size() - at - 2 < size) fail(fmt::format("a text of {} bytes is cut off", size));
    const auto referrer = parse(as_text(row.subspan(at + 2, size)));
    if (!referrer) fail("no property of a node");
    take(*referrer);
    at += 2 + size;
  }
  if (at != row.size()) fail(fmt::format("{} bytes are left over", row.size() - at));
}

}  // namespace holdfast::profile::magnolia

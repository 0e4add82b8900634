// SPDX-License-Identifier: Apache-2.0
// What names a node of a Jackrabbit repository: a UUID, in its three forms.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::profile::magnolia {

struct NodeId {
  std::uint64_t high = 0;  // the first eight bytes, most significant first
  std::uint64_t low = 0;

  // 16 bytes, as the tables of MySQL, H2, Oracle, SQL Server and Ingres have them.
  [[nodiscard]] static std::optional<NodeId> of_bytes(ByteView bytes) noexcept;
  // 36 characters, hex of either case: "cafebabe-cafe-babe-cafe-babecafebabe".
  [[nodiscard]] static std::optional<NodeId> of_text(std::string_view text) noexcept;
  [[nodiscard]] std::string text() const;
  void store(std::span<std::byte, 16> into) const noexcept;

  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

// The two halves are signed numbers where a table has two columns (Derby, PostgreSQL).
[[nodiscard]] inline std::int64_t signed_half(std::uint64_t half) noexcept {
  return static_cast<std::int64_t>(half);
}

// Ids that every Jackrabbit 2.x repository has (class RepositoryImpl; read at tag
// jackrabbit-2.18.6).
inline constexpr NodeId root_id{0xcafebabecafebabeULL, 0xcafebabecafebabeULL};
inline constexpr NodeId system_id{0xdeadbeefcafebabeULL, 0xcafebabecafebabeULL};
inline constexpr NodeId node_types_id{0xdeadbeefcafecafeULL, 0xcafebabecafebabeULL};
inline constexpr NodeId version_storage_id{0xdeadbeeffacebabeULL, 0xcafebabecafebabeULL};
inline constexpr NodeId activities_id{0xdeadbeeffacebabeULL, 0xac71babecafebabeULL};
inline constexpr NodeId configurations_id{0xdeadbeeffacebabeULL, 0xc04fbabecafebabeULL};
// Stands for "no parent" in a bundle of format 3 (class BundleBinding).
inline constexpr NodeId no_parent_id{0xbb4e9d10d85711dfULL, 0x937b0800200c9a66ULL};

// Below jcr:system, shared by all workspaces: links to and from these nodes lead from a workspace's
// tables into those of the version store, or to what is made anew at each start.
[[nodiscard]] bool is_of_system(const NodeId& id) noexcept;

}  // namespace holdfast::profile::magnolia

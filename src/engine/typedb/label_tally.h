// SPDX-License-Identifier: Apache-2.0
// How often each label occurs in an export.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/typedb/examine_export.h"

namespace holdfast::engine::typedb {

// No schema has as many; a file that has is not worth the memory.
inline constexpr std::size_t labels_max = 100'000;
inline constexpr std::size_t label_bytes_max = 4096;
inline constexpr std::size_t labels_bytes_max = 16U << 20U;  // together

class LabelTally {
 public:
  // How often so far, to be counted on; valid as long as the tally. `kind` unknown: of a role, its
  // players. Errc::corrupt beyond the limits.
  [[nodiscard]] std::uint64_t& count(ItemKind kind, std::string_view label);
  [[nodiscard]] std::vector<LabelCount> counts() const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Counts = std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>>;
  struct OfKind {
    Counts counts;
    // The same few labels often come again at once.
    std::array<Counts::value_type*, 4> newest{};
    std::size_t oldest = 0;
  };
  std::array<OfKind, 4> kinds_;
  std::size_t labels_ = 0, labels_bytes_ = 0;
};

}  // namespace holdfast::engine::typedb

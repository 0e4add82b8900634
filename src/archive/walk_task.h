// SPDX-License-Identifier: Apache-2.0
// A directory that an OrderedWalk goes through, and how its entries are read.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "format/tree.h"
#include "repo/repository.h"
#include "repo/tree_place.h"

namespace holdfast::archive {

// The tree of a directory; where two are compared, before and after, of which one may be missing.
using TreePair = std::array<std::optional<format::Id>, 2>;
[[nodiscard]] inline bool has_any(const TreePair& trees) noexcept {
  return trees[0].has_value() || trees[1].has_value();
}

struct WalkTask {
  std::shared_ptr<repo::TreePlace> place;
  TreePair trees;
  std::string after = {};  // only names behind this one; empty: all

  // Of an entry: "/a/b/name"; of the directory itself, where `name` is empty: "/a/b", "" of the
  // root.
  [[nodiscard]] std::string path(std::string_view name = {}) const;
};

// Errc::corrupt, naming the path, beyond 4,096 levels.
[[nodiscard]] WalkTask child_task(const WalkTask& above, const std::string& name,
                                  const TreePair& trees);

// About what a directory that waits for its look takes.
inline constexpr std::size_t walk_task_bytes = 400;
// Where a look leaves the rest of a directory to another.
inline constexpr std::size_t look_bytes_max = 8U << 20U;

// Visits the entries of a tree whose names lie behind `after`, in order. Errors name `task`'s path.
void read_entries(repo::Repository& repository, const WalkTask& task, const format::Id& tree,
                  repo::Codec& codec, const std::function<void(format::Node&&)>& visit);

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// Where a tree was found, for walks on several threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace holdfast::repo {

// How deep directories of a snapshot may be nested for a walk to go on; beyond it somebody means
// harm, as no path of that length can be restored.
inline constexpr std::size_t tree_depth_max = 4096;

// A directory's name and the place of the one above, which all its children share. Of the root the
// name is empty.
struct TreePlace {
  TreePlace() = default;
  TreePlace(std::shared_ptr<TreePlace> parent_in, std::string name_in)
      : parent(std::move(parent_in)), name(std::move(name_in)), depth(parent->depth + 1) {}
  TreePlace(const TreePlace&) = delete;
  TreePlace& operator=(const TreePlace&) = delete;
  // Lets go of a chain without recursion: a hostile repository nests as deep as it likes.
  ~TreePlace() {
    while (parent && parent.use_count() == 1) parent = std::exchange(parent->parent, nullptr);
  }

  std::shared_ptr<TreePlace> parent;
  std::string name;
  std::size_t depth = 0;  // of the root 0
};

}  // namespace holdfast::repo

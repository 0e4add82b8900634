// SPDX-License-Identifier: Apache-2.0
// What a set of files holds, as counts and one hash: the same for equal trees, whatever inodes and
// change times say. docs/manifest.md "content_sha256" is the specification.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "archive/tree_walk.h"
#include "base/hash.h"

namespace holdfast::job {

class FileListing {
 public:
  // Nodes come in the order of a tree walk; `path` begins with '/'.
  void add(std::string_view path, const format::Node& node);
  [[nodiscard]] std::string finish() { return to_hex(hash_.finish()); }
  std::uint64_t files = 0, directories = 0, bytes = 0;

 private:
  Sha256 hash_;
  std::string line_;
};

// The listing of everything below a saved tree; each node is shown to `each`, if there is one.
[[nodiscard]] FileListing list_files(
    repo::Repository& repository, const format::Id& tree, std::stop_token stop,
    const std::function<void(const std::string& path, const format::Node& node)>& each = {});

}  // namespace holdfast::job

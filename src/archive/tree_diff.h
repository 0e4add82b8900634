// SPDX-License-Identifier: Apache-2.0
// What differs between two trees: entry by entry, and in the blobs they need.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "format/id.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::archive {

struct TreeChange {
  std::string path;  // absolute; of a folder it ends in a slash
  // "+" added, "-" removed; or of "T" (type), "M" (content) and "U" (metadata), with "M?" where the
  // content alone differs, which a file system that lost data would explain.
  std::string modifier;
};

// What one side has and the other has not. A blob counts if it is nowhere in the other tree.
struct DiffCounts {
  std::uint64_t files = 0, folders = 0, others = 0;
  std::uint64_t data_blobs = 0, tree_blobs = 0;
  std::uint64_t blob_bytes = 0;  // plain
  friend bool operator==(const DiffCounts&, const DiffCounts&) = default;
};

struct TreeDiff {
  std::uint64_t changed_files = 0;  // by content
  DiffCounts added, removed;
  std::uint64_t problems = 0;  // told to the observer; the counts lack what they concern
};

// Compares two trees on all cores. `changed` is called on this thread in the order of paths, with
// metadata alone only if `with_metadata`. Folders that cannot be read because something stored is
// bad, and blobs of changed files that are in no index, are warnings. The index is loaded. Memory:
// three bits for each blob of the index, and what an OrderedWalk holds.
//
// Source of what counts as what: restic cmd/restic/cmd_diff.go, doc/040_backup.rst "Comparing
// Snapshots".
[[nodiscard]] TreeDiff diff_trees(repo::Repository& repository, const format::Id& before,
                                  const format::Id& after, bool with_metadata,
                                  const std::function<void(const TreeChange&)>& changed,
                                  model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::archive

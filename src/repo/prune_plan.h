// SPDX-License-Identifier: Apache-2.0
// What a prune will do: which packs go, which are packed anew, which blobs must come out of those.
// Decides and counts; changes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "repo/prune.h"
#include "repo/used_blobs.h"

namespace holdfast::repo {

struct PrunePlan {
  std::vector<format::Id> unreferenced;  // packs in no index: removed first
  std::vector<format::Id> unused;        // packs nobody needs
  std::vector<format::Id> repack;        // packs whose wanted blobs move to new ones
  std::vector<bool> gone;                // by pack number: not named by the new index
  BlobSet wanted{0};                     // by blob number: needed, and in no pack that stays
  PruneReport report;
  bool index_repeats_packs =
      false;  // several index files name the same pack, as an interrupted prune leaves it

  // Whether any index file has to change.
  [[nodiscard]] bool changes_index() const noexcept;
};

// Source: restic internal/repository/prune.go, for what is packed anew and how it is counted. Small
// packs are those below four fifths of 4 MiB, or of the size that only three in a hundred stay
// below if that is more.
// Errc::corrupt if a needed pack is missing or has another size than its blobs make.
[[nodiscard]] PrunePlan plan_prune(Repository& repository, const PruneOptions& options,
                                   const BlobSet& used);

}  // namespace holdfast::repo

// SPDX-License-Identifier: Apache-2.0
// Makes the index fit the packs again, from what the packs' own headers say.
#pragma once

#include <cstdint>
#include <vector>

#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct IndexRepairOptions {
  bool read_all_packs = false;  // every header, not only those the index does not fit
};

struct IndexRepairReport {
  std::vector<format::Id> damaged_index_files;  // replaced; sorted
  std::uint64_t packs_added = 0;                // stored, and were in no index
  std::uint64_t packs_corrected = 0;  // by their headers hold other blobs than the index said
  std::uint64_t packs_dropped = 0;    // were in the index, and are not stored
  std::uint64_t packs_repeated = 0;   // were named by several index files alike
  std::uint64_t packs_ignored = 0;    // in no index, and without a header that can be read
  // In the index, and damaged: neither does the index fit the file, nor can the header be read. The
  // index goes on naming them, for nothing else tells which blobs in them are still sound: see
  // repair_packs(). Sorted.
  std::vector<format::Id> damaged_packs;
  std::uint64_t index_files_removed = 0, index_files_written = 0;

  // Whether the index was written anew.
  [[nodiscard]] bool changed() const noexcept {
    return !damaged_index_files.empty() || packs_added + packs_corrected + packs_dropped != 0 ||
           packs_repeated != 0;
  }
};

// Reads all index files, damaged ones as far as they go, and the headers of those packs that are in
// none or that it does not fit; then stores a new index, reads it back, and removes the old files.
// Where nothing is wrong nothing is written. Killed at any moment it leaves an index that names at
// least what it named before. The caller holds an exclusive lock; load_index() need not have been
// called. Afterwards the index is empty: load it again. Errc::locked if the lock is lost.
[[nodiscard]] IndexRepairReport repair_index(Repository& repository,
                                             const IndexRepairOptions& options, const Lock* lock,
                                             model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::repo

// SPDX-License-Identifier: Apache-2.0
// Removes what no snapshot needs, and packs anew what is only partly needed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::repo {

// How long nobody has written to a temporary file of an interrupted write that is removed: under
// the exclusive lock no write lasts long, and clocks may differ by hours.
inline constexpr std::chrono::hours leftover_age_min{24};

struct PruneOptions {
  // Tolerated unused space: a share of the used bytes, an absolute size, or unlimited.
  struct MaxUnused {
    enum class Kind : std::uint8_t { percent, bytes, unlimited } kind = Kind::percent;
    double percent = 5;
    std::uint64_t size_bytes = 0;
  } max_unused;
  std::optional<std::uint64_t> repack_bytes_max;
  bool repack_cacheable_only = false;
  // Packs below this size are packed anew with others of their like; none: by what the repository
  // has, see PrunePlan. Errc::usage above pack_size_bytes.
  std::optional<std::uint64_t> repack_smaller_than_bytes;
  bool repack_uncompressed = false;
  bool unsafe_recover_no_free_space = false;  // remove index files before packing anew
  bool dry_run = false;
  std::size_t pack_size_bytes = 16U << 20U;
};
[[nodiscard]] PruneOptions::MaxUnused parse_max_unused(
    std::string_view text);  // "5%", "10G", "unlimited"

struct PruneReport {  // counts of blobs and bytes as restic's summary
  std::uint64_t blobs_used = 0, blobs_duplicate = 0, blobs_unused = 0, blobs_removed = 0,
                blobs_repacked = 0, blobs_repack_removed = 0, blobs_remaining = 0;
  std::uint64_t bytes_used = 0, bytes_duplicate = 0, bytes_unused = 0, bytes_removed = 0,
                bytes_repacked = 0, bytes_repack_removed = 0, bytes_unreferenced = 0,
                bytes_uncompressed = 0, bytes_remaining = 0;
  // As found: of the packs in the index, those wholly used, in part, and not at all.
  std::uint64_t packs_used = 0, packs_partly_used = 0, packs_unused = 0;
  std::uint64_t packs_kept = 0, packs_repacked = 0, packs_removed = 0, packs_unreferenced = 0;
  // Temporary files of interrupted writes, removed or, in a dry run, to be removed.
  std::uint64_t leftover_files = 0, leftover_bytes = 0;
};

// The caller holds an exclusive lock and has listed the snapshots before loading the index.
// Errc::corrupt if a tree is unreadable, a needed blob or pack is missing or has another size:
// nothing is then removed. Errc::locked if the lock is lost, or if a snapshot or an index file
// appears meanwhile that another program has written without a lock. Also removes what interrupted
// writes have left. Snapshots in `ignore` count as
// gone (forget --prune --dry-run). Packs of rustic's packs_to_delete count as unindexed, as in
// restic. Afterwards the index is empty: load it again.
[[nodiscard]] PruneReport prune(Repository& repository, const PruneOptions& options, Lock* lock,
                                const std::vector<format::Id>& ignore, model::Observer& observer,
                                std::stop_token stop);

}  // namespace holdfast::repo

// SPDX-License-Identifier: Apache-2.0
// Is everything there, and is it what it says it is?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "repo/repository.h"

namespace holdfast::repo {

// --read-data-subset: n/t, a share of all packs, or a number of bytes.
struct ReadSubset {
  enum class Kind : std::uint8_t { all, bucket, fraction, bytes } kind = Kind::all;
  std::uint32_t bucket = 0, buckets = 0;  // packs whose first id byte mod buckets is bucket - 1
  double fraction = 1;                    // 0..1
  std::uint64_t size_bytes = 0;
};
[[nodiscard]] ReadSubset parse_read_subset(std::string_view text);  // Errc::usage

struct CheckOptions {
  bool read_data = false;
  ReadSubset subset;        // of the packs that would be read
  bool with_cache = false;  // trusts copies of index and snapshot files kept elsewhere
  // Only these snapshots: of trees those below them, of data the packs that hold something of them.
  // Index and presence of packs are checked as a whole. None: all.
  std::optional<std::vector<format::Id>> snapshots;
};

struct CheckReport {
  std::vector<std::string> errors;  // one sentence each, naming the object
  std::vector<std::string> hints;   // not errors: unindexed packs, duplicates, mixed packs
  std::vector<format::Id> broken_packs;
  bool suggest_repair_index = false;
  bool suggest_prune = false;
  std::uint64_t packs_read = 0;
  [[nodiscard]] bool sound() const noexcept { return errors.empty(); }
};

// Checks index, packs and trees of the snapshots; with read_data every byte. What is wrong is in
// the report, not an Error. The caller holds an exclusive lock; load_index() need not have been
// called (damaged index files are reported).
[[nodiscard]] CheckReport check(Repository& repository, const CheckOptions& options,
                                model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::repo

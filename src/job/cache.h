// SPDX-License-Identifier: Apache-2.0
// cache: the directories that hold copies of repositories' files on this machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "job/environment.h"

namespace holdfast::job {

// One repository's directory below the base directory: ours, or restic's, which names its own
// alike.
struct CacheDirectory {
  std::string name;  // 64 hex digits; or "restic-check-cache-" and a number
  Timestamp last_used;
  bool is_old = false;                      // last used before the age
  std::optional<std::uint64_t> size_bytes;  // if it was asked for
};

// Those below `base`, longest unused first; none if it does not exist. Other entries and links are
// passed over.
[[nodiscard]] std::vector<CacheDirectory> list_caches(const Environment& environment,
                                                      const std::filesystem::path& base,
                                                      std::chrono::hours age_max, bool with_sizes);

// Removes an old one with all it holds. A run that uses it meanwhile goes on without its copies.
void remove_cache(const std::filesystem::path& base, const CacheDirectory& cache);

}  // namespace holdfast::job

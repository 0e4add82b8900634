// SPDX-License-Identifier: Apache-2.0
// The steps by which a prune or a repair puts packs and index files in the place of others: what is
// new is stored and read back before anything old goes.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::repo {

// Writes index files for the packs it is handed, each of at most 50,000 blobs or of one pack. Every
// file is read back once it is stored. Index files are saved under `lock`, which may be null.
class IndexWriter {
 public:
  IndexWriter(Repository& repository, const Lock* lock) : repository_(repository), lock_(lock) {}

  void add(const format::IndexedPack& pack);
  // Stores what is left; without it that is in no index file.
  void finish();
  [[nodiscard]] std::size_t files_written() const noexcept { return files_written_; }

 private:
  Repository& repository_;
  const Lock* const lock_;
  std::vector<format::IndexedPack> packs_;
  std::size_t blobs_ = 0;
  std::size_t files_written_ = 0;
};

// Reads packs that were just stored back as a whole. Errc::corrupt naming the first whose content
// is not what its name says.
void verify_packs(Repository& repository, std::span<const format::IndexedPack> packs,
                  model::Observer& observer, const std::stop_token& stop);

// Removes index files, on as many threads as the storage takes calls. `before_each` is called on
// these threads before each removal; what it throws ends the removing.
void remove_index_files(Repository& repository, std::span<const format::Id> ids,
                        model::Observer& observer, const std::stop_token& stop,
                        const std::function<void()>& before_each);

// The same for packs, looking at the lock before each; `lock` may be null. A pack that cannot be
// removed is unreferenced from then on: a warning tells, and the next prune tries again.
void remove_packs(Repository& repository, const Lock* lock, std::span<const format::Id> ids,
                  std::string_view phase, model::Observer& observer, const std::stop_token& stop);

}  // namespace holdfast::repo

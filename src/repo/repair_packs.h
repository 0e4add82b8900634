// SPDX-License-Identifier: Apache-2.0
// Saves what can still be read in damaged packs, then takes these packs out of the repository.
#pragma once

#include <cstdint>
#include <vector>

#include "repo/blob_writer.h"
#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::repo {

struct PackRepairReport {
  std::uint64_t packs = 0;               // taken out
  std::uint64_t blobs_saved = 0;         // stored again, each once
  std::uint64_t bytes_saved = 0;         // of these, plain
  std::uint64_t blobs_elsewhere = 0;     // not to be read here, but in another pack
  std::vector<format::BlobHandle> lost;  // in no pack that can be read; sorted
};

// Reads each blob that the index or the pack's own header names in `packs`, stores again those that
// are sound, reads them back, stores an index without these packs, removes the old index files and
// then the packs. Killed at any moment it leaves every blob readable that was. A pack that is
// not stored counts as one of which nothing can be read. The caller holds an exclusive lock and has
// loaded the index. Errc::not_found, before anything is written, for a pack that is neither stored
// nor in the index; Errc::locked if the lock is lost. Afterwards the index is empty: load it again.
[[nodiscard]] PackRepairReport repair_packs(Repository& repository, std::vector<format::Id> packs,
                                            const WriterOptions& options, Lock* lock,
                                            model::Observer& observer, std::stop_token stop);

}  // namespace holdfast::repo

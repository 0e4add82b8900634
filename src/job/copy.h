// SPDX-License-Identifier: Apache-2.0
// copy: snapshots of one repository into another.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/snapshots.h"
#include "job/environment.h"

namespace holdfast::job {

struct CopyOptions {
  std::vector<std::string> ids;  // "latest", ids, prefixes; empty: all that the filter takes
  archive::SnapshotFilter filter;
};

enum class CopyOutcome : std::uint8_t {
  copied,   // saved in the target, with all it refers to
  known,    // the target has it already
  damaged,  // not copied: something that it refers to is missing or damaged in the source
};
// What became of a snapshot, as soon as it is known. `target`: where it is in the target, unless it
// is damaged.
using SnapshotCopied = std::function<void(const archive::Snapshot& source, CopyOutcome outcome,
                                          const std::optional<format::Id>& target)>;

struct CopyReport {
  std::uint64_t copied = 0, known = 0,
                damaged = 0;                  // snapshots; damaged ones with unreadable files
  std::uint64_t blobs = 0, stored_bytes = 0;  // added to the target
};

// Copies snapshots, oldest first, that the target does not have: none of its snapshots is, or says
// that it was made from, the same one, and is alike in all but its parent. Blobs that the target
// lacks are stored with its own key, compression and version; a snapshot is saved once an index
// names all that it refers to. A snapshot that is damaged in the source is left out, the others are
// copied. Holds a shared lock on both, on the source unless its access.no_lock. Warns if the two
// cut files differently.
[[nodiscard]] CopyReport copy_snapshots(const Environment& environment,
                                        const RepositoryAccess& source,
                                        const RepositoryAccess& target, const CopyOptions& options,
                                        const SnapshotCopied& told, model::Observer& observer,
                                        std::stop_source& stop);

}  // namespace holdfast::job

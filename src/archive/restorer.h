// SPDX-License-Identifier: Apache-2.0
// Trees back to files: planned by pack, read and decrypted on all cores, written in place. Never
// writes outside its target, whatever the tree says: every path is opened component by component
// below the target without following symlinks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/exclude.h"
#include "model/progress.h"
#include "repo/repository.h"

namespace holdfast::archive {

enum class Overwrite : std::uint8_t { always, if_changed, if_newer, never };
[[nodiscard]] Overwrite parse_overwrite(std::string_view name);  // Errc::usage

// Where the memory of a restore ends, whatever the trees say; bytes. Tests make these small.
struct RestoreLimits {
  // Files that are restored together: two such batches, or one larger file.
  std::size_t batch_bytes_max = 32U << 20U;
  // Subdirectories that wait to be visited. Beyond it they are read again when it is their turn.
  std::size_t levels_bytes_max = 128U << 20U;
  // Files with several names whose other names may still come, about 300 bytes each. Beyond it
  // names become files of their own, which is reported as a failure.
  std::size_t links_bytes_max = 256U << 20U;
};

struct RestoreOptions {
  std::filesystem::path target;    // made if missing
  PatternList excludes, includes;  // at most one is used; tested against paths inside the snapshot
  PatternList xattr_excludes, xattr_includes;
  Overwrite overwrite = Overwrite::always;
  bool delete_extra = false;       // remove what the snapshot does not have
  bool ownership_by_name = false;  // as this host has the names; see owner_by_name()
  bool sparse = false;
  bool verify = false;  // read back and compare afterwards
  bool dry_run = false;
  unsigned threads = 0;
  RestoreLimits limits;
};

struct RestoreReport {
  std::uint64_t files_total = 0, files_restored = 0, files_skipped = 0, files_deleted = 0;
  std::uint64_t bytes_total = 0, bytes_restored = 0, bytes_skipped = 0;
  std::uint64_t items_failed = 0;
};

// Restores the content of `tree` into the target. Item failures are reported to the observer and
// counted. Errc::no_space and other failures of the target as a whole end it. Memory: `limits`, and
// one tree blob; for each thread a run of a pack and a blob.
//
// Names of one file become hard links. A name whose first one is kept, because of `overwrite`, with
// other content than the snapshot's, becomes a file of its own, and those after it are linked to
// that: restic would link it to the file that is kept, and change that one's metadata.
//
// A file whose owner could not be set lacks set-uid, set-gid and file capabilities, which is a
// warning.
[[nodiscard]] RestoreReport restore_tree(repo::Repository& repository, const format::Id& tree,
                                         const RestoreOptions& options, model::Observer& observer,
                                         std::stop_token stop);

}  // namespace holdfast::archive

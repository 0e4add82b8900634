// SPDX-License-Identifier: Apache-2.0
// Trees back to files: planned by pack, read and decrypted on all cores, written in place. Never
// writes outside its target, whatever the tree says: every path is opened component by component
// below the target without following symlinks.
#pragma once

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

struct RestoreOptions {
  std::filesystem::path target;    // made if missing
  PatternList excludes, includes;  // at most one is used; tested against paths inside the snapshot
  PatternList xattr_excludes, xattr_includes;
  Overwrite overwrite = Overwrite::always;
  bool delete_extra = false;  // remove what the snapshot does not have
  bool sparse = false;
  bool verify = false;  // read back and compare afterwards
  bool dry_run = false;
  unsigned threads = 0;
};

struct RestoreReport {
  std::uint64_t files_total = 0, files_restored = 0, files_skipped = 0, files_deleted = 0;
  std::uint64_t bytes_total = 0, bytes_restored = 0, bytes_skipped = 0;
  std::uint64_t items_failed = 0;
};

// Restores the content of `tree` into the target. Item failures are reported to the observer and
// counted. Errc::no_space and other failures of the target as a whole end it.
[[nodiscard]] RestoreReport restore_tree(repo::Repository& repository, const format::Id& tree,
                                         const RestoreOptions& options, model::Observer& observer,
                                         std::stop_token stop);

}  // namespace holdfast::archive

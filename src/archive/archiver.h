// SPDX-License-Identifier: Apache-2.0
// File trees to blobs: walks, compares with the parent, reads, chunks and saves, on all cores, in
// bounded memory; the trees are those restic would write.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/destinations.h"
#include "archive/exclude.h"
#include "archive/file_node.h"
#include "base/stream.h"
#include "format/chunker.h"
#include "model/progress.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

struct ArchiveOptions {
  NodeOptions node;
  // Tested against absolute paths. Neither they nor the other ways to exclude apply to the given
  // paths themselves and to the directories above them.
  PatternList excludes;
  // "NAME" or "NAME:HEADER": a directory with a file of that name, which begins with HEADER, is
  // kept with that file alone.
  std::vector<std::string> exclude_if_present;
  std::optional<std::uint64_t> exclude_larger_than;  // bytes
  // Stay on the device of the given path; mount points themselves are kept, empty.
  bool one_file_system = false;
  bool ignore_ctime = false,
       ignore_inode = false;              // without inode, ctime is ignored too, as restic
  bool force = false;                     // read every file, as if there were no parent
  std::optional<format::Id> parent_tree;  // root tree of the parent snapshot
  unsigned threads = 0;                   // 0: the cores available
  // For checks of profiles: is asked, from any thread, for a sink for each regular file that is
  // read, which takes the file's bytes in order on one thread and is destroyed behind the last. May
  // return null. A file that is unchanged since the parent is not read and not asked for; a file
  // that cannot be read to its end is reported failed, and its sink has seen what could be read. An
  // Error of a sink ends the save. Optional.
  std::function<std::unique_ptr<ByteSink>(const std::string& path)> tee;
};

// Counted as restic's summary: a file or directory is new if the parent has nothing of its name,
// unmodified if its node there is the same, changed otherwise; what is neither is not counted.
struct ArchiveCounts {
  std::uint64_t files_new = 0, files_changed = 0, files_unmodified = 0;
  std::uint64_t dirs_new = 0, dirs_changed = 0, dirs_unmodified = 0;
  std::uint64_t files_processed = 0, bytes_processed = 0;
  std::uint64_t items_failed = 0;
  ArchiveCounts& operator+=(const ArchiveCounts& more) noexcept;
};

struct ArchivedTree {
  format::Id tree;  // root tree
  ArchiveCounts counts;
  std::vector<std::string> failed;  // paths that could not be read, at most 10,000
};

// Counts what save_paths() would read, for totals; failures are silent. Adds to
// observer.files_total and bytes_total; whether the totals are known is the caller's to say.
void scan_paths(const std::vector<std::string>& paths, const ArchiveOptions& options,
                model::Observer& observer, std::stop_token stop);

// Saves the given paths under a root tree as restic does: each leading directory becomes a node
// with its real metadata, but for those above what a relative path names; see find_targets() in
// source_walk.h. A path below another is saved once. Unreadable items are reported to the observer,
// counted, and left out, so is what vanishes meanwhile; an item whose xattrs cannot be read is
// reported, counted, and kept without them. A path of `paths` that does not exist is such an item
// too; if nothing at all could be saved: Errc::not_found. A file that changes while it is read is
// saved as it was read.
//
// Counts files_done, bytes_done and errors, and tells of items: item_begun() when a file is read,
// item_done() for files and directories, the latter with a slash behind their paths, as restic
// does, all by their paths in the snapshot; item_failed() with "archival" and item_excluded() by
// where the item lies.
// A parent tree that is damaged is a warning.
//
// The index must be loaded. Threads: one that walks, `threads` that read, chunk, hash and store.
// Memory: (threads + 1) x 8 MiB, the directories under way, and what `writer` takes.
// Errc::cancelled on a stop request, which also cancels `writer`; any failure that is not an item's
// ends the save with that Error.
[[nodiscard]] ArchivedTree save_paths(repo::Repository& repository, repo::BlobWriter& writer,
                                      const std::vector<std::string>& paths,
                                      const ArchiveOptions& options, model::Observer& observer,
                                      std::stop_token stop);

// The same into several repositories from one walk and one read of each file: the trees are the
// same but for the blobs of each. A file is read unless all know it unchanged. `parent_trees`, by
// destination, stand in for that of the options. What is returned counts for those destinations
// that are still open; one that fails ends alone, and if none is left, with its Error.
// Memory: (n x threads + 1) x 8 MiB for n destinations, n times the directories under way, and what
// the writers take. A slow destination holds the others back once its writer's packs are full.
[[nodiscard]] std::vector<ArchivedTree> save_paths(
    Destinations& destinations, const std::vector<std::optional<format::Id>>& parent_trees,
    const std::vector<std::string>& paths, const ArchiveOptions& options, model::Observer& observer,
    std::stop_token stop);

}  // namespace holdfast::archive

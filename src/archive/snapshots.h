// SPDX-License-Identifier: Apache-2.0
// Snapshots as a list: load, filter, find, group, save.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/snapshot_file.h"
#include "repo/lock.h"
#include "repo/repository.h"

namespace holdfast::archive {

struct Snapshot {
  format::Id id;
  format::SnapshotFile file;
};

// Whether the snapshot has all of the tags; an empty tag is had by a snapshot without any.
[[nodiscard]] bool has_tags(const format::SnapshotFile& snapshot,
                            const std::vector<std::string>& tags);

struct SnapshotFilter {
  std::vector<std::string> hosts;  // any of
  std::vector<std::vector<std::string>>
      tag_lists;                   // any list, all of its tags; {""} = without tags
  std::vector<std::string> paths;  // all of
  // Snapshots of this path alone that have this tag; any of these.
  struct Sole {
    std::string path, tag;
  };
  std::vector<Sole> soles;
  [[nodiscard]] bool matches(const format::SnapshotFile& snapshot) const;
  [[nodiscard]] bool empty() const noexcept {
    return hosts.empty() && tag_lists.empty() && paths.empty() && soles.empty();
  }
};

// All snapshots, oldest first. A damaged file is Errc::corrupt naming it, or goes to `damaged` if
// given.
[[nodiscard]] std::vector<Snapshot> load_snapshots(repo::Repository& repository,
                                                   std::vector<std::string>* damaged = nullptr);

// One snapshot by "latest" (of those the filter takes), an id or a prefix, with an optional
// ":/sub/folder".
struct FoundSnapshot {
  Snapshot snapshot;
  std::string subfolder;  // "" or "/path/inside"
};
// Errc::not_found, or Errc::usage for an ambiguous prefix, naming the candidates.
[[nodiscard]] FoundSnapshot find_snapshot(repo::Repository& repository, std::string_view text,
                                          const SnapshotFilter& filter);
// The tree a found snapshot means, subfolder resolved. The index must be loaded.
[[nodiscard]] format::Id tree_of(repo::Repository& repository, const FoundSnapshot& found);

// The parent for change detection: newest of the same group not newer than `time`.
[[nodiscard]] std::optional<Snapshot> find_parent(const std::vector<Snapshot>& snapshots,
                                                  const format::SnapshotFile& of,
                                                  std::string_view group_by);

struct GroupKey {
  std::string hostname;
  std::vector<std::string> paths, tags;  // those grouped by; sorted
  friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
};
struct SnapshotGroup {
  GroupKey key;
  std::vector<Snapshot> snapshots;  // newest first
};
// `group_by`: comma-separated of host, paths, tags; "" is one group. Errc::usage otherwise.
[[nodiscard]] std::vector<SnapshotGroup> group_snapshots(std::vector<Snapshot> snapshots,
                                                         std::string_view group_by);

// Under the lock of the run that stored what the snapshot needs, see repo::save_under_lock(); null
// only for a repository nobody else can see.
format::Id save_snapshot(repo::Repository& repository, const repo::Lock* lock,
                         const format::SnapshotFile& snapshot);

}  // namespace holdfast::archive

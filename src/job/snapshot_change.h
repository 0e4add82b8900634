// SPDX-License-Identifier: Apache-2.0
// Snapshots that take the place of others, for `rewrite` and `repair snapshots`; and what that
// means for those of instances.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/snapshots.h"
#include "archive/tree_rewriter.h"
#include "job/environment.h"

namespace holdfast::job {

// The finding in the manifest of a copy from which something was taken after it was made.
inline constexpr std::string_view snapshot_reduced = "snapshot-reduced";

// Of `all`, the proofs of drills whose proven tree is in none that is not `removed`.
[[nodiscard]] std::vector<format::Id> orphaned_proofs(const std::vector<archive::Snapshot>& all,
                                                      const std::vector<format::Id>& removed);

struct SnapshotChange {
  archive::Snapshot before;
  // What takes its place; none: nothing of it is left.
  std::optional<format::SnapshotFile> after;
  std::optional<format::Id> id;  // of `after`, once it is stored
  bool is_removed = false;       // `before`
};

struct SnapshotChanges {
  std::vector<SnapshotChange> changes;  // oldest first; snapshots that stay as they are not
  std::vector<format::Id> proofs;       // removed, as the trees they proved went
  std::uint64_t failed = 0;             // snapshots that could not be removed, each told as failed
};

// Of all snapshots, in their order, those that the ids or else the filter name; as
// named_snapshots().
[[nodiscard]] std::vector<archive::Snapshot> choose_snapshots(
    repo::Repository& repository, const std::vector<archive::Snapshot>& all,
    const std::vector<std::string>& ids, const archive::SnapshotFilter& filter);

// Stores each new snapshot under the lock and then, with `forget`, removes the one before it; at
// last the proofs of drills whose trees went with them. What the new ones need is stored. `all`:
// the repository's snapshots as they were; `some_unread`: there are others, and whose proofs there
// are cannot be told, so that all proofs stay.
void replace_snapshots(OpenedRepository& opened, std::vector<archive::Snapshot> all,
                       bool some_unread, bool forget, SnapshotChanges& changes,
                       model::Observer& observer, const std::stop_token& stop);

// Does what another edit does, and sees to it that the snapshot of an instance does not say it were
// whole when something of it went: its manifest becomes incomplete, with the finding
// `snapshot-reduced`. A snapshot whose manifest went is no more one of an instance.
class InstanceEdit final : public archive::TreeEdit {
 public:
  // `what_happened` ends the finding's "12 files or directories …". All outlive it.
  InstanceEdit(repo::Repository& repository, repo::BlobWriter& writer, TreeEdit& edit,
               std::string what_happened, model::Observer& observer)
      : repository_(repository),
        writer_(writer),
        edit_(edit),
        what_happened_(std::move(what_happened)),
        observer_(observer) {}

  // Which snapshot the next tree is of.
  void begin(const format::SnapshotFile& snapshot);
  // Its labels, once its tree has changed.
  void end(format::SnapshotFile& snapshot) const;

  [[nodiscard]] Verdict judge(const std::string& path, format::Node& node, bool is_first) override;
  [[nodiscard]] bool keeps_empty(const std::string& path) override {
    return edit_.keeps_empty(path);
  }
  void unreadable(const std::string& path, const Error& error) override {
    edit_.unreadable(path, error);
  }
  void amend(const std::string& path, format::Node& node, const archive::TreeTotals& totals,
             repo::BlobWriter::Worker& worker) override;

 private:
  void amend_manifest(format::Node& node, std::uint64_t changes,
                      repo::BlobWriter::Worker& worker) const;

  repo::Repository& repository_;
  repo::BlobWriter& writer_;
  TreeEdit& edit_;
  const std::string what_happened_;
  model::Observer& observer_;
  std::string manifest_path_;  // "/shop/holdfast.json"; empty: no snapshot of an instance
  std::atomic<bool> has_manifest_{false};
};

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Directories on their way to tree blobs. A directory is saved by whichever thread is done with the
// last of its entries, and then counts as an entry that its parent was waiting for.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "archive/save_report.h"
#include "archive/source_walk.h"
#include "archive/work_queue.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

class SavingFolder final : public Folder {
 public:
  using Folder::Folder;

  // Set before its parent's entries are let go.
  format::Node node;                       // of the directory itself, as yet without subtree
  std::size_t place = 0;                   // among the parent's entries
  std::unique_ptr<format::Node> previous;  // what the parent snapshot has of its name; or null
  SaveReport::Instant begun;

  // The nodes in order of name; null is left out. Each is written by one thread, which then lets
  // go of the folder.
  std::vector<std::unique_ptr<format::Node>> entries;
  // Entries that are not done, and one more while the folder is being listed.
  std::atomic<std::size_t> pending{1};
};

class TreeSaver {
 public:
  using Worker = WorkQueue::Worker;
  TreeSaver(repo::BlobWriter& writer, SaveReport& report) : writer_(writer), report_(report) {}

  // One entry of the folder is done. Saves the folder if it was the last, and on upwards.
  void let_go(std::shared_ptr<SavingFolder> folder, Worker& worker);
  // The same without saving: true if it was the last, and the folder is to be saved by save().
  [[nodiscard]] static bool is_last(SavingFolder& folder) noexcept { return --folder.pending == 0; }
  void save(std::shared_ptr<SavingFolder> folder, Worker& worker);

  // The root tree, once all is done; nothing if it has no entry.
  [[nodiscard]] const std::optional<format::Id>& root() const noexcept { return root_; }

 private:
  repo::BlobWriter& writer_;
  SaveReport& report_;
  std::optional<format::Id> root_;  // written once, by the last thread that is at work
};

}  // namespace holdfast::archive

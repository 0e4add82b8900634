// SPDX-License-Identifier: Apache-2.0
// Directories on their way to tree blobs. A directory is saved by whichever thread is done with the
// last of its entries, and then counts as an entry that its parent was waiting for.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/destinations.h"
#include "archive/save_report.h"
#include "archive/source_walk.h"
#include "archive/work_queue.h"

namespace holdfast::archive {

class SavingFolder final : public Folder {
 public:
  // What one destination has of it.
  struct Side {
    std::unique_ptr<format::Node> previous;  // what the parent snapshot has of its name; or null
    // The nodes in order of name; null is left out. Each is written by one thread, which then lets
    // go of the side.
    std::vector<std::unique_ptr<format::Node>> entries;
    // Entries that are not done, and one more while the folder is being listed.
    std::atomic<std::size_t> pending{1};
  };
  SavingFolder(std::shared_ptr<Folder> parent, std::string name, const Target* target,
               std::size_t destinations)
      : Folder(std::move(parent), std::move(name), target), sides(destinations) {}

  // Set before its parent's entries are let go.
  format::Node node;      // of the directory itself, without subtree
  std::size_t place = 0;  // among the parent's entries
  SaveReport::Instant begun;

  std::vector<Side> sides;  // by destination
};

class TreeSaver {
 public:
  using Worker = WorkQueue::Worker;
  TreeSaver(Destinations& destinations, SaveReport& report)
      : destinations_(destinations), report_(report), roots_(destinations.size()) {}

  // One entry of the folder is done in this destination. Saves the folder there if it was the last,
  // and on upwards.
  void let_go(std::shared_ptr<SavingFolder> folder, std::size_t destination, Worker& worker);
  // The same in all of them.
  void let_go(const std::shared_ptr<SavingFolder>& folder, Worker& worker);
  // The same without saving: true if it was the last, and the folder is to be saved by save().
  [[nodiscard]] static bool is_last(SavingFolder& folder, std::size_t destination) noexcept {
    return --folder.sides[destination].pending == 0;
  }
  void save(std::shared_ptr<SavingFolder> folder, std::size_t destination, Worker& worker);

  // The root tree, once all is done; nothing if it has no entry.
  [[nodiscard]] const std::optional<format::Id>& root(std::size_t destination) const noexcept {
    return roots_[destination];
  }

 private:
  Destinations& destinations_;
  SaveReport& report_;
  // Each written once, by the last thread that is at work for it.
  std::vector<std::optional<format::Id>> roots_;
};

}  // namespace holdfast::archive

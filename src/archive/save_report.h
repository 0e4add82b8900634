// SPDX-License-Identifier: Apache-2.0
// What a save says about its items: counts for each destination, failures, progress. Decides
// nothing. Of several destinations the observer is told what the first open one has. Thread-safe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "archive/archiver.h"
#include "base/error.h"
#include "format/tree.h"
#include "model/progress.h"

namespace holdfast::archive {

class SaveReport {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  SaveReport(model::Observer& observer, const Destinations& destinations)
      : observer_(observer), destinations_(destinations), counts_(destinations.size()) {}

  // Runs `body`; an Error that leaves it fails the item, and false is returned. Only for what
  // concerns the item alone: a failure of the repository must end the save.
  template <typename Body>
  bool attempt(const std::string& path, Body&& body) {
    try {
      std::forward<Body>(body)();
      return true;
    } catch (const Error& error) {  // becomes a line of the report
      failed(path, error);
      return false;
    }
  }
  void failed(const std::string& path, const Error& error);

  // A file whose content was taken over from the parents, where it had that size.
  void file_unmodified(const std::string& path, std::uint64_t size_bytes, Instant begun);
  // A file that was read; `previous` is what the destination's parent has of its name, or null.
  void file_read(std::size_t destination, const std::string& path, const format::Node& node,
                 const format::Node* previous, std::uint64_t new_bytes, std::uint64_t stored_bytes,
                 Instant begun);
  void directory_saved(std::size_t destination, const std::string& path, const format::Node& node,
                       const format::Node* previous, std::uint64_t new_bytes,
                       std::uint64_t stored_bytes, Instant begun);

  [[nodiscard]] model::Observer& observer() const noexcept { return observer_; }
  // Once all threads are done.
  [[nodiscard]] ArchivedTree finish(std::size_t destination, const format::Id& tree);

 private:
  [[nodiscard]] static model::ItemAction action_of(const format::Node& node,
                                                   const format::Node* previous);

  model::Observer& observer_;
  const Destinations& destinations_;
  std::mutex mutex_;                   // guards all below
  std::vector<ArchiveCounts> counts_;  // by destination
  std::uint64_t items_failed_ = 0;
  std::vector<std::string> failed_;
};

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// What a save says about its items: counts, failures, progress. Decides nothing. Thread-safe.
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

  explicit SaveReport(model::Observer& observer) : observer_(observer) {}

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

  // A file whose content was taken over from the parent, where it had that size.
  void file_unmodified(const std::string& path, std::uint64_t size_bytes, Instant begun);
  // A file that was read; `previous` is what the parent has of its name, or null.
  void file_read(const std::string& path, const format::Node& node, const format::Node* previous,
                 std::uint64_t new_bytes, std::uint64_t stored_bytes, Instant begun);
  void directory_saved(const std::string& path, const format::Node& node,
                       const format::Node* previous, std::uint64_t new_bytes,
                       std::uint64_t stored_bytes, Instant begun);

  [[nodiscard]] model::Observer& observer() const noexcept { return observer_; }
  // Once all threads are done.
  [[nodiscard]] ArchivedTree finish(const format::Id& tree);

 private:
  [[nodiscard]] static model::ItemAction action_of(const format::Node& node,
                                                   const format::Node* previous);

  model::Observer& observer_;
  std::mutex mutex_;  // guards all below
  ArchiveCounts counts_;
  std::vector<std::string> failed_;
};

}  // namespace holdfast::archive

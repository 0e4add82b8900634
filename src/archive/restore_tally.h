// SPDX-License-Identifier: Apache-2.0
// What a restore has done so far: one place that counts, tells the observer, and decides whether a
// failure is one item's or everybody's.
#pragma once

#include <atomic>
#include <string_view>

#include "archive/restorer.h"
#include "base/error.h"
#include "model/progress.h"

namespace holdfast::archive {

// Any number of threads.
class RestoreTally {
 public:
  explicit RestoreTally(model::Observer& observer) : observer_(observer) {}

  // An item will be restored; `size_bytes` of content are to come.
  void expect(std::uint64_t size_bytes) noexcept;
  void wrote(std::uint64_t size_bytes) noexcept;
  void done(std::string_view location, model::ItemAction action, std::uint64_t size_bytes,
            bool is_directory = false);
  // It was left as it is; such items are not in the totals, as in restic.
  void skipped(std::string_view location, std::uint64_t size_bytes);
  void deleted(std::string_view path);
  // A line for the report that is no failure; none if it is empty.
  void noted(std::string_view line);
  // Counts and reports an item's failure. Throws the Error on if more of the same can only follow:
  // no space, a stop request, storage that does not answer.
  void failed(std::string_view location, std::string_view during, const Error& error);

  [[nodiscard]] RestoreReport report() const noexcept;

 private:
  model::Observer& observer_;
  std::atomic<std::uint64_t> files_total_{0}, files_restored_{0}, files_skipped_{0},
      files_deleted_{0};
  std::atomic<std::uint64_t> bytes_total_{0}, bytes_restored_{0}, bytes_skipped_{0};
  std::atomic<std::uint64_t> items_failed_{0};
};

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// What a running job tells whoever watches it: the seam between jobs and the screen.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/finding.h"

namespace holdfast::model {

enum class ItemAction : std::uint8_t { added, changed, unchanged, restored, updated, deleted };
[[nodiscard]] std::string_view item_action_name(
    ItemAction action) noexcept;  // restic's words: "new", "modified"…

struct ItemDone {
  std::string_view item;
  ItemAction action = ItemAction::added;
  bool is_directory = false;
  double duration_seconds = 0;
  std::uint64_t data_size = 0, data_size_in_repo = 0;  // bytes
  std::uint64_t metadata_size = 0, metadata_size_in_repo = 0;
};

// Counters are read by the watcher whenever it likes; calls come from any thread and must be quick
// and not throw. The default does nothing.
class Observer {
 public:
  virtual ~Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  std::atomic<std::uint64_t> files_total{0}, files_done{0};
  std::atomic<std::uint64_t> bytes_total{0}, bytes_done{0};
  std::atomic<std::uint64_t> files_skipped{0}, bytes_skipped{0};  // restore: left as they were
  std::atomic<std::uint64_t> files_deleted{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<bool> totals_known{false};

  // A new stage begins, named for people: "loading index", "checking packs". Counters are the
  // caller's to reset.
  virtual void phase(std::string_view) {}
  virtual void item_begun(std::string_view) {}
  virtual void item_done(const ItemDone&) {}
  // An item is not saved, because of a pattern or another rule of the user's.
  virtual void item_excluded(std::string_view) {}
  // An item that was begun is no longer at work: it failed, and item_failed() may have called it by
  // another name.
  virtual void item_left(std::string_view) {}
  // An item could not be read or written and the job goes on; counted in `errors` by the caller.
  virtual void item_failed(std::string_view /*item*/, std::string_view /*during*/,
                           std::string_view /*message*/) {}
  virtual void finding(const Finding&) {}
  // Something worth a line for people: "created new cache", "hook before_backup finished".
  virtual void note(std::string_view) {}
  virtual void warning(std::string_view) {}

 protected:
  Observer() = default;
};

// Watches nothing.
class SilentObserver final : public Observer {};

}  // namespace holdfast::model

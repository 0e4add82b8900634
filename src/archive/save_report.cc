// SPDX-License-Identifier: Apache-2.0
#include "archive/save_report.h"

namespace holdfast::archive {

namespace {

constexpr std::size_t failed_max = 10'000;

double seconds_since(SaveReport::Instant begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

ArchiveCounts& ArchiveCounts::operator+=(const ArchiveCounts& more) noexcept {
  files_new += more.files_new;
  files_changed += more.files_changed;
  files_unmodified += more.files_unmodified;
  dirs_new += more.dirs_new;
  dirs_changed += more.dirs_changed;
  dirs_unmodified += more.dirs_unmodified;
  files_processed += more.files_processed;
  bytes_processed += more.bytes_processed;
  items_failed += more.items_failed;
  return *this;
}

void SaveReport::failed(const std::string& path, const Error& error) {
  {
    const std::unique_lock lock(mutex_);
    ++items_failed_;
    if (failed_.size() < failed_max) failed_.push_back(path);
  }
  ++observer_.errors;
  observer_.item_failed(path, "archival", error.message());
}

model::ItemAction SaveReport::action_of(const format::Node& node, const format::Node* previous) {
  if (previous == nullptr) return model::ItemAction::added;
  return is_same_node(*previous, node) ? model::ItemAction::unchanged : model::ItemAction::changed;
}

void SaveReport::file_unmodified(const std::string& path, std::uint64_t size_bytes, Instant begun) {
  {
    const std::unique_lock lock(mutex_);
    for (ArchiveCounts& counts : counts_) {
      ++counts.files_unmodified;
      ++counts.files_processed;
      counts.bytes_processed += size_bytes;
    }
  }
  ++observer_.files_done;
  observer_.bytes_done += size_bytes;
  observer_.item_done({.item = path,
                       .action = model::ItemAction::unchanged,
                       .duration_seconds = seconds_since(begun)});
}

void SaveReport::file_read(std::size_t destination, const std::string& path,
                           const format::Node& node, const format::Node* previous,
                           std::uint64_t new_bytes, std::uint64_t stored_bytes, Instant begun) {
  const model::ItemAction action = action_of(node, previous);
  {
    const std::unique_lock lock(mutex_);
    ArchiveCounts& counts = counts_[destination];
    ++(action == model::ItemAction::added       ? counts.files_new
       : action == model::ItemAction::unchanged ? counts.files_unmodified
                                                : counts.files_changed);
    ++counts.files_processed;
    counts.bytes_processed += node.size_bytes;
  }
  if (destination != destinations_.first_open()) return;
  ++observer_.files_done;
  observer_.item_done({.item = path,
                       .action = action,
                       .duration_seconds = seconds_since(begun),
                       .data_size = new_bytes,
                       .data_size_in_repo = stored_bytes});
}

void SaveReport::directory_saved(std::size_t destination, const std::string& path,
                                 const format::Node& node, const format::Node* previous,
                                 std::uint64_t new_bytes, std::uint64_t stored_bytes,
                                 Instant begun) {
  const model::ItemAction action = action_of(node, previous);
  {
    const std::unique_lock lock(mutex_);
    ArchiveCounts& counts = counts_[destination];
    ++(action == model::ItemAction::added       ? counts.dirs_new
       : action == model::ItemAction::unchanged ? counts.dirs_unmodified
                                                : counts.dirs_changed);
  }
  if (destination != destinations_.first_open()) return;
  const std::string item = path + '/';
  observer_.item_done({.item = item,
                       .action = action,
                       .is_directory = true,
                       .duration_seconds = seconds_since(begun),
                       .metadata_size = new_bytes,
                       .metadata_size_in_repo = stored_bytes});
}

ArchivedTree SaveReport::finish(std::size_t destination, const format::Id& tree) {
  const std::unique_lock lock(mutex_);
  ArchivedTree saved{tree, counts_[destination], failed_};
  saved.counts.items_failed = items_failed_;
  return saved;
}

}  // namespace holdfast::archive

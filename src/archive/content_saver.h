// SPDX-License-Identifier: Apache-2.0
// One file's or stream's bytes on their way to blobs: cut as they come, hashed and stored by
// whichever thread is free, the ids kept in order. Reads nothing itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "archive/destinations.h"
#include "archive/work_queue.h"
#include "format/chunker.h"

namespace holdfast::archive {

struct SavedContent {
  std::vector<format::Id> ids;
  std::uint64_t size_bytes = 0;
  std::uint64_t new_bytes = 0;     // plain bytes of blobs that were not known
  std::uint64_t stored_bytes = 0;  // what they take in the repository
};

// Held by shared_ptr: chunks under way keep it alive. One thread at a time fills it; its blocks
// must hold a chunk of the largest size.
class ContentSaver : public std::enable_shared_from_this<ContentSaver> {
 public:
  using Worker = WorkQueue::Worker;
  struct Tools {
    Destinations* destinations;
    std::size_t destination;  // the one of them that it goes to
    WorkQueue* queue;
    const format::ChunkTables* tables;
    format::ChunkSizes sizes;
  };
  explicit ContentSaver(const Tools& tools) : tools_(tools) {}

  // Where the next bytes go; empty only if the queue is abandoned. May run other chunks first.
  [[nodiscard]] std::span<std::byte> room(Worker& worker);
  // That many bytes have been put into room().
  void filled(std::size_t size_bytes);
  // No more bytes come: `on_done` runs once all chunks are stored, on the thread that stored the
  // last one, perhaps on this one at once. Never if the destination fails.
  void end(Worker& worker, std::function<void(SavedContent&&, Worker&)> on_done);

  // Whether end() was called and on_done has returned.
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }

 private:
  struct Run {
    WorkQueue::Block block;
    std::vector<ByteView> chunks;
    std::size_t size_bytes = 0;
  };
  void cut(bool is_last);
  void hand_out(Run&& run);
  [[nodiscard]] bool save(const Run& run, std::size_t first, Worker& worker);
  void let_go(Worker& worker);

  const Tools tools_;
  std::function<void(SavedContent&&, Worker&)> on_done_;

  WorkQueue::Block block_;  // filled up to end_, handed out up to begin_
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t chunk_count_ = 0;

  std::atomic<std::size_t> pending_{1};  // runs under way, and the thread that fills
  std::atomic<bool> is_done_{false};
  std::mutex mutex_;  // guards content_
  SavedContent content_;
};

}  // namespace holdfast::archive

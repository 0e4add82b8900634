// SPDX-License-Identifier: Apache-2.0
#include "archive/content_saver.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::archive {

namespace {

// Chunks travel together: handing them out costs little then, and several are hashed at once faster
// than one. Of restic's usual sizes it is three.
constexpr std::size_t run_bytes_min = std::size_t{4} << 20U;

}  // namespace

std::span<std::byte> ContentSaver::room(Worker& worker) {
  if (block_ == nullptr || end_ == block_->size()) {
    WorkQueue::Block next = tools_.queue->take_block(worker);
    if (next == nullptr) return {};
    check_rule(next->size() >= tools_.sizes.size_bytes_max, "a block holds the largest chunk");
    // What is no whole chunk yet moves on. It is less than the largest chunk, so room is left.
    if (end_ > begin_) std::memcpy(next->data(), block_->data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    block_ = std::move(next);
  }
  return std::span(*block_).subspan(end_);
}

void ContentSaver::filled(std::size_t size_bytes) {
  end_ += size_bytes;
  // Only full blocks are cut, because a search that finds no cut is made again from the start.
  if (end_ == block_->size()) cut(false);
}

void ContentSaver::cut(bool is_last) {
  Run run;
  while (begin_ < end_) {
    const ByteView rest(block_->data() + begin_, end_ - begin_);
    const auto size = format::first_chunk_bytes(rest, *tools_.tables, tools_.sizes, is_last);
    if (!size) break;
    run.chunks.push_back(rest.first(*size));
    run.size_bytes += *size;
    begin_ += *size;
    if (run.size_bytes >= run_bytes_min) hand_out(std::exchange(run, {}));
  }
  if (!run.chunks.empty()) hand_out(std::move(run));
}

void ContentSaver::hand_out(Run&& run) {
  run.block = block_;
  const std::size_t first = chunk_count_;
  chunk_count_ += run.chunks.size();
  {
    const std::unique_lock lock(mutex_);
    content_.ids.resize(chunk_count_);
    content_.size_bytes += run.size_bytes;
  }
  ++pending_;
  // Shared, because a task must be copyable.
  auto shared_run = std::make_shared<Run>(std::move(run));
  tools_.queue->push_urgent([self = shared_from_this(), shared_run, first](Worker& worker) {
    const bool is_saved = self->save(*shared_run, first, worker);
    shared_run->block.reset();  // others may be waiting for it
    if (is_saved) self->let_go(worker);
  });
}

bool ContentSaver::save(const Run& run, std::size_t first, Worker& worker) {
  std::vector<repo::SavedBlob> saved;
  const bool is_saved = tools_.destinations->attempt(tools_.destination, [&] {
    repo::BlobWriter& writer = tools_.destinations->writer(tools_.destination);
    saved = writer.save_run(run.chunks, worker.of(tools_.destination));
  });
  if (!is_saved) return false;
  const std::unique_lock lock(mutex_);
  for (std::size_t i = 0; i < saved.size(); ++i) {
    content_.ids[first + i] = saved[i].id;
    if (!saved[i].is_new) continue;
    content_.new_bytes += run.chunks[i].size();
    content_.stored_bytes += saved[i].stored_bytes;
  }
  return true;
}

void ContentSaver::end(Worker& worker, std::function<void(SavedContent&&, Worker&)> on_done) {
  cut(true);
  block_.reset();
  on_done_ = std::move(on_done);
  let_go(worker);
}

void ContentSaver::let_go(Worker& worker) {
  if (--pending_ != 0) return;
  // The last one to let go is alone here: end() has been called and no run is under way.
  if (on_done_) std::exchange(on_done_, {})(std::move(content_), worker);
  is_done_ = true;
}

}  // namespace holdfast::archive

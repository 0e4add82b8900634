// SPDX-License-Identifier: Apache-2.0
#include "archive/stream_saver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "archive/content_saver.h"
#include "base/crew.h"
#include "base/error.h"

namespace holdfast::archive {

namespace {

constexpr std::size_t block_bytes_min = 2U << 20U;
constexpr std::uint64_t fine_bytes_max = 1ULL << 30U;
// More helpers than this find nothing to do behind one thread that writes.
constexpr unsigned part_threads_max = 4;

}  // namespace

struct StreamSaver::State {
  State(repo::Repository& of, repo::BlobWriter& writer, const format::ChunkSizes& sizes,
        unsigned thread_count)
      : repository(of),
        tables(of.config().chunker_polynomial),
        threads(std::max(thread_count, 1U)),
        queue({.waiting_bytes_max = 0,
               .block_bytes = std::max(sizes.size_bytes_max, block_bytes_min),
               .blocks_max = threads + 1}),
        worker(of),
        content(
            std::make_shared<ContentSaver>(ContentSaver::Tools{&writer, &queue, &tables, sizes})),
        crew([this] { queue.abandon(); }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    queue.abandon();  // so that the helpers end, whatever they wait for
  }

  void start_helpers() {
    has_helpers = true;
    for (unsigned helper = 1; helper < threads; ++helper) {
      crew.start([this](const std::stop_token&) {
        WorkQueue::Worker own(repository);
        while (queue.run_one(own)) {
        }
      });
    }
  }

  // Throws what a helper failed with.
  [[noreturn]] void raise() {
    crew.join();
    throw Error(Errc::cancelled, "the stream was given up");
  }

  repo::Repository& repository;
  format::ChunkTables tables;
  unsigned threads;
  WorkQueue queue;
  WorkQueue::Worker worker;  // of the writing thread
  std::shared_ptr<ContentSaver> content;
  bool has_helpers = false;
  SavedStream saved;
  Crew crew;  // last, so that its threads end before what they use
};

StreamSaver::StreamSaver(repo::Repository& repository, repo::BlobWriter& writer,
                         const format::ChunkSizes& sizes, unsigned threads)
    : state_(std::make_unique<State>(repository, writer, sizes, threads)) {}

StreamSaver::~StreamSaver() = default;

void StreamSaver::write(ByteView bytes) {
  State& state = *state_;
  while (!bytes.empty()) {
    const std::span<std::byte> room = state.content->room(state.worker);
    if (room.empty()) state.raise();
    const std::size_t size = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), size);
    state.content->filled(size);
    bytes = bytes.subspan(size);
    if (size == room.size() && !state.has_helpers) state.start_helpers();
  }
}

SavedStream StreamSaver::finish() {
  State& state = *state_;
  state.content->end(state.worker, [&state](SavedContent&& content, WorkQueue::Worker&) {
    state.saved = {std::move(content.ids), content.size_bytes, content.new_bytes};
  });
  state.queue.close();
  const auto is_done = [&state] { return state.content->is_done(); };
  if (!state.queue.run_urgent_until(state.worker, is_done)) state.raise();
  state.crew.join();
  return std::move(state.saved);
}

format::ChunkSizes stream_chunk_sizes(std::uint64_t bytes_estimate) noexcept {
  return bytes_estimate != 0 && bytes_estimate <= fine_bytes_max ? format::fine_chunks
                                                                 : format::restic_chunks;
}

struct PartSaver::State {
  repo::Repository* repository;
  repo::BlobWriter* writer;
  model::Observer* observer;
  format::ChunkSizes sizes;
  std::mutex mutex;  // guards segments
  // By number; without a stream while it is written, and for good if it was dropped.
  std::map<std::uint32_t, std::optional<SavedStream>> segments;
};

namespace {

class SavedSegment final : public model::PartSink::Segment {
 public:
  // Takes the finished stream; called once at most.
  using Keep = std::function<void(SavedStream&&)>;
  SavedSegment(repo::Repository& repository, repo::BlobWriter& writer,
               const format::ChunkSizes& sizes, model::Observer& observer, Keep keep)
      : saver_(repository, writer, sizes, std::min(cores_available(), part_threads_max)),
        observer_(observer),
        keep_(std::move(keep)) {}

  void write(ByteView bytes) override {
    saver_.write(bytes);
    observer_.bytes_done += bytes.size();
  }
  void finish() override {
    check_rule(keep_ != nullptr, "a segment is finished once");
    std::exchange(keep_, {})(saver_.finish());
  }

 private:
  StreamSaver saver_;
  model::Observer& observer_;
  Keep keep_;
};

}  // namespace

PartSaver::PartSaver(repo::Repository& repository, repo::BlobWriter& writer,
                     std::uint64_t bytes_estimate, model::Observer& observer)
    : state_(std::make_shared<State>()) {
  state_->repository = &repository;
  state_->writer = &writer;
  state_->observer = &observer;
  state_->sizes = stream_chunk_sizes(bytes_estimate);
}

PartSaver::~PartSaver() = default;

std::unique_ptr<model::PartSink::Segment> PartSaver::segment(std::uint32_t number) {
  {
    const std::unique_lock lock(state_->mutex);
    const bool is_new = state_->segments.try_emplace(number).second;
    check_rule(is_new, "each segment of a part is written once");
  }
  return std::make_unique<SavedSegment>(*state_->repository, *state_->writer, state_->sizes,
                                        *state_->observer,
                                        [state = state_, number](SavedStream&& stream) {
                                          const std::unique_lock lock(state->mutex);
                                          state->segments[number] = std::move(stream);
                                        });
}

SavedStream PartSaver::join() {
  const std::unique_lock lock(state_->mutex);
  SavedStream whole;
  std::uint32_t expected = 0;
  for (auto& [number, stream] : state_->segments) {
    if (number != expected || !stream) {
      throw Error(Errc::incomplete,
                  fmt::format("segment {} of the stream was not written to its end", expected));
    }
    whole.content.insert(whole.content.end(), stream->content.begin(), stream->content.end());
    whole.size_bytes += stream->size_bytes;
    whole.new_bytes += stream->new_bytes;
    ++expected;
  }
  if (expected == 0) throw Error(Errc::incomplete, "no segment of the stream was written");
  return whole;
}

}  // namespace holdfast::archive

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

// What each destination has of one segment.
using SavedSegments = std::vector<std::optional<SavedStream>>;

}  // namespace

struct StreamSaver::State {
  State(repo::Repository& of, repo::BlobWriter& writer, const format::ChunkSizes& sizes,
        unsigned thread_count)
      : destinations(of, writer),
        repository(of),
        tables(of.config().chunker_polynomial),
        threads(std::max(thread_count, 1U)),
        queue({.waiting_bytes_max = 0,
               .block_bytes = std::max(sizes.size_bytes_max, block_bytes_min),
               .blocks_max = threads + 1}),
        worker(of),
        content(std::make_shared<ContentSaver>(
            ContentSaver::Tools{&destinations, 0, &queue, &tables, sizes})),
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

  Destinations destinations;  // the one
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
  Destinations* destinations;
  model::Observer* observer;
  format::ChunkSizes sizes;
  std::mutex mutex;  // guards segments
  // By number; without a stream while it is written, and for good if it was dropped.
  std::map<std::uint32_t, std::optional<SavedSegments>> segments;
};

namespace {

// Writes what it is given to each destination in turn: one that is slow holds the others back once
// its own buffers are full.
class SavedSegment final : public model::PartSink::Segment {
 public:
  // Takes the finished streams; called once at most.
  using Keep = std::function<void(SavedSegments&&)>;
  SavedSegment(Destinations& destinations, const format::ChunkSizes& sizes,
               model::Observer& observer, Keep keep)
      : destinations_(destinations),
        savers_(destinations.size()),
        observer_(observer),
        keep_(std::move(keep)) {
    for (std::size_t i = 0; i < savers_.size(); ++i) {
      destinations_.attempt(i, [&] {
        savers_[i] =
            std::make_unique<StreamSaver>(destinations_.repository(i), destinations_.writer(i),
                                          sizes, std::min(cores_available(), part_threads_max));
      });
    }
  }

  void write(ByteView bytes) override {
    for (std::size_t i = 0; i < savers_.size(); ++i) {
      if (savers_[i] == nullptr) continue;
      if (!destinations_.attempt(i, [&] { savers_[i]->write(bytes); })) savers_[i].reset();
    }
    destinations_.require_open();
    observer_.bytes_done += bytes.size();
  }
  void finish() override {
    check_rule(keep_ != nullptr, "a segment is finished once");
    SavedSegments saved(savers_.size());
    for (std::size_t i = 0; i < savers_.size(); ++i) {
      if (savers_[i] == nullptr) continue;
      destinations_.attempt(i, [&] { saved[i] = savers_[i]->finish(); });
    }
    destinations_.require_open();
    std::exchange(keep_, {})(std::move(saved));
  }

 private:
  Destinations& destinations_;
  std::vector<std::unique_ptr<StreamSaver>> savers_;  // null where nothing is saved any more
  model::Observer& observer_;
  Keep keep_;
};

}  // namespace

PartSaver::PartSaver(Destinations& destinations, std::uint64_t bytes_estimate,
                     model::Observer& observer)
    : state_(std::make_shared<State>()) {
  state_->destinations = &destinations;
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
  return std::make_unique<SavedSegment>(*state_->destinations, state_->sizes, *state_->observer,
                                        [state = state_, number](SavedSegments&& saved) {
                                          const std::unique_lock lock(state->mutex);
                                          state->segments[number] = std::move(saved);
                                        });
}

SavedStream PartSaver::join(std::size_t destination) {
  const std::unique_lock lock(state_->mutex);
  SavedStream whole;
  std::uint32_t expected = 0;
  for (auto& [number, saved] : state_->segments) {
    if (number != expected || !saved || !(*saved)[destination]) {
      throw Error(Errc::incomplete,
                  fmt::format("segment {} of the stream was not written to its end", expected));
    }
    const SavedStream& stream = *(*saved)[destination];
    whole.content.insert(whole.content.end(), stream.content.begin(), stream.content.end());
    whole.size_bytes += stream.size_bytes;
    whole.new_bytes += stream.new_bytes;
    ++expected;
  }
  if (expected == 0) throw Error(Errc::incomplete, "no segment of the stream was written");
  return whole;
}

}  // namespace holdfast::archive

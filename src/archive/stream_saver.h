// SPDX-License-Identifier: Apache-2.0
// A stream of bytes to blobs: cut, hashed and saved as it comes, on the writing thread and helpers.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "archive/destinations.h"
#include "base/stream.h"
#include "format/chunker.h"
#include "model/part.h"
#include "model/progress.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

struct SavedStream {
  std::vector<format::Id> content;
  std::uint64_t size_bytes = 0;
  std::uint64_t new_bytes = 0;  // plain bytes of blobs that were not known
};

// One stream in order, written by one thread at a time. With `threads` above 1 helpers hash and
// store what is cut, once there is more than one block of it; they wait as the repository does.
// Memory: (threads + 1) blocks of the larger of 2 MiB and sizes.size_bytes_max. A helper's failure
// is thrown by the next write() or by finish(). Without finish() nothing more is saved.
class StreamSaver final : public ByteSink {
 public:
  StreamSaver(repo::Repository& repository, repo::BlobWriter& writer,
              const format::ChunkSizes& sizes, unsigned threads = 1);
  ~StreamSaver() override;
  StreamSaver(const StreamSaver&) = delete;
  StreamSaver& operator=(const StreamSaver&) = delete;
  void write(ByteView bytes) override;
  [[nodiscard]] SavedStream finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The chunk sizes for a stream of about this many bytes (0: unknown → restic's).
[[nodiscard]] format::ChunkSizes stream_chunk_sizes(std::uint64_t bytes_estimate) noexcept;

// A part of an engine: segments are saved as they come, in every open destination, and joined in
// the order of their numbers by join(). Counts what is written to observer.bytes_done; `observer`
// and `destinations` outlive the segments. A segment number that is taken twice is Errc::bug.
class PartSaver final : public model::PartSink {
 public:
  PartSaver(Destinations& destinations, std::uint64_t bytes_estimate, model::Observer& observer);
  ~PartSaver() override;
  PartSaver(const PartSaver&) = delete;
  PartSaver& operator=(const PartSaver&) = delete;
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t number) override;
  // What a destination has of it, after all segments finished: Errc::incomplete if one was dropped,
  // is missing or none was written.
  [[nodiscard]] SavedStream join(std::size_t destination = 0);

 private:
  struct State;
  std::shared_ptr<State> state_;  // with the segments
};

}  // namespace holdfast::archive

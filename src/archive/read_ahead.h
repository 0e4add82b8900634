// SPDX-License-Identifier: Apache-2.0
// A file as a stream whose next blocks are loaded while the reader is busy. Knows neither blobs nor
// repositories: what a block is and how it is loaded is the caller's.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/crew.h"
#include "base/stream.h"

namespace holdfast::archive {

// Memory: bytes_max, or one block if that is larger.
class ReadAhead final : public ByteSource {
 public:
  // Loads the block of a number, counted from 0.
  using Load = std::function<Bytes(std::size_t number)>;
  struct Limits {
    std::size_t bytes_max = 24U << 20U;  // of blocks that are loaded and not yet let go
    unsigned threads = 2;
  };
  // `ends`: for each block the offset behind it. `make_load` is called once on each thread, which
  // alone uses what it gives.
  ReadAhead(std::vector<std::uint64_t> ends, std::function<Load()> make_load, const Limits& limits);
  explicit ReadAhead(std::vector<std::uint64_t> ends, std::function<Load()> make_load)
      : ReadAhead(std::move(ends), std::move(make_load), Limits()) {}
  ~ReadAhead() override;
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // What a block cannot be had for is thrown when the reader comes to it; Errc::corrupt at every
  // read after that.
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

 private:
  struct Slot {
    std::future<Bytes> bytes;
    bool ready = false;
  };

  [[nodiscard]] bool advance();
  void fetch();
  void give_up() noexcept;
  [[nodiscard]] std::size_t size_of(std::size_t number) const;

  const std::vector<std::uint64_t> ends_;
  const std::function<Load()> make_load_;
  const Limits limits_;
  std::mutex mutex_;  // guards all but current_ and given_, which are the reader's
  std::condition_variable changed_;
  std::deque<Slot> slots_;  // asked for and not yet taken, in order
  std::size_t asked_ = 0, taken_ = 0;
  std::size_t held_bytes_ = 0;
  bool closed_ = false;  // nobody reads, or a thread has failed: no more is loaded
  bool failed_ = false;  // and the reader was told why
  Bytes current_;
  std::size_t current_weight_ = 0;
  std::size_t given_ = 0;
  Crew crew_;  // last: its threads end before what they use
};

}  // namespace holdfast::archive

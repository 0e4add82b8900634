// SPDX-License-Identifier: Apache-2.0
// Where bytes of uploads wait for their turn: in memory up to a bound, beyond it in a file without
// a name.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/stream.h"

namespace holdfast::engine::sqlserver {

// Room for pieces of 1 MiB, shared by all uploads of one receiver. Any number of threads.
class S3Pieces {
 public:
  static constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

  // The file is made in `scratch_directory` when it is first needed.
  S3Pieces(std::size_t memory_bytes_max, std::filesystem::path scratch_directory);

  // One piece; gives its room back at the end of its life. One thread at a time.
  class Piece {
   public:
    Piece(Piece&& other) noexcept;
    Piece& operator=(Piece&&) = delete;
    Piece(const Piece&) = delete;
    Piece& operator=(const Piece&) = delete;
    ~Piece();
    // Takes the front of `bytes` as long as there is room, and says how many that were.
    [[nodiscard]] std::size_t add(ByteView bytes);
    void give(ByteSink& into) const;
    [[nodiscard]] bool is_on_disk() const noexcept { return is_on_disk_; }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }

   private:
    friend class S3Pieces;
    Piece(S3Pieces* pieces, Bytes&& memory) : pieces_(pieces), memory_(std::move(memory)) {}
    Piece(S3Pieces* pieces, std::uint64_t slot) : pieces_(pieces), slot_(slot), is_on_disk_(true) {}
    S3Pieces* pieces_;
    Bytes memory_;
    std::uint64_t slot_ = 0;  // of the file, in pieces
    bool is_on_disk_ = false;
    std::size_t size_bytes_ = 0;
  };

  // An empty piece: in memory if there is room, or will be because pieces are being given on.
  // Errc::cancelled after close(); what keeps the file from being made.
  [[nodiscard]] Piece take();
  // Ends all waits, for good.
  void close() noexcept;

  // While one lives, pieces are being given on, and room will come.
  class Moving {
   public:
    explicit Moving(S3Pieces& pieces);
    ~Moving();
    Moving(const Moving&) = delete;
    Moving& operator=(const Moving&) = delete;

   private:
    S3Pieces& pieces_;
  };

 private:
  void release(Piece& piece) noexcept;

  const std::size_t memory_max_;  // in pieces
  const std::filesystem::path scratch_directory_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  Fd file_;
  std::vector<Bytes> idle_;  // buffers that are free: not more than memory_max_ are ever made
  std::size_t used_ = 0;     // pieces in memory
  std::vector<std::uint64_t> free_slots_;
  std::uint64_t slots_ = 0;
  unsigned moving_ = 0;
  bool is_closed_ = false;
};

// The bytes of one body, in pieces.
class S3Content final : public ByteSink {
 public:
  explicit S3Content(S3Pieces& pieces) : pieces_(&pieces) {}
  void write(ByteView bytes) override;
  [[nodiscard]] std::uint64_t on_disk_bytes() const noexcept;
  // Takes them out, in order.
  [[nodiscard]] std::vector<S3Pieces::Piece> release() { return std::move(content_); }

 private:
  S3Pieces* pieces_;
  std::vector<S3Pieces::Piece> content_;
};

}  // namespace holdfast::engine::sqlserver

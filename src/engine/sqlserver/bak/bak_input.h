// SPDX-License-Identifier: Apache-2.0
// A backup file as the chain of blocks that it is without compression, seen through a window that
// moves along it; what is left out is not read, nor unpacked.
//
// A plain file is that chain. A compressed one begins with "MSSQLBAK"; its regions are packed
// records, between which filemarks stand as they are. docs/sqlserver.md, "Compressed backups".
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "engine/sqlserver/bak/file_window.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// Why there is no more of the chain, other than that the file ends where a block may end.
struct Trouble {
  enum class Kind : std::uint8_t {
    cut,      // the file ends within a record
    damaged,  // a record's checksum is wrong, or its content cannot be unpacked
    unknown,  // a record of a kind that is not known
  };
  Kind kind = Kind::cut;
  std::uint64_t at = 0;  // byte of the file
  std::string what;
};

// Of compressed files.
struct RecordCounts {
  std::uint64_t records = 0;
  std::uint64_t packed_bytes = 0, unpacked_bytes = 0;
  std::uint64_t stored = 0;  // whose content was not packed
};

// Gives the chain in pieces.
class BakSource {
 public:
  // The least room that read() wants: a record's content, or a filemark.
  static constexpr std::size_t piece_bytes_max = 255 * 512;

  virtual ~BakSource() = default;
  BakSource(const BakSource&) = delete;
  BakSource& operator=(const BakSource&) = delete;

  // 0 only at the end, or where there is trouble().
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> into) = 0;
  // Leaves out up to so many bytes, as many as it can without reading them.
  [[nodiscard]] virtual std::uint64_t skip(std::uint64_t count) = 0;
  // Where in the file the last piece began.
  [[nodiscard]] virtual std::uint64_t piece_at() const noexcept = 0;
  // Where in the file it has come to.
  [[nodiscard]] virtual std::uint64_t at() const noexcept = 0;
  [[nodiscard]] virtual const std::optional<Trouble>& trouble() const noexcept = 0;
  [[nodiscard]] virtual RecordCounts counts() const noexcept { return {}; }

 protected:
  BakSource() = default;
};

class BakInput {
 public:
  static constexpr std::size_t ahead_bytes_max = std::size_t{256} << 10U;

  // `file` outlives it. With `use_index`, parts of a compressed file are left out by its own index
  // where it has one. Errc::cancelled soon after a stop request, as of all that reads.
  BakInput(model::RandomSource& file, bool use_index, std::stop_token stop, Growth growth = {});

  [[nodiscard]] bool is_compressed() const noexcept { return is_compressed_; }
  // Of the two words behind the magic, the first; 0: a plain file.
  [[nodiscard]] std::uint32_t container_version() const noexcept { return container_version_; }
  [[nodiscard]] RecordCounts counts() const noexcept { return source_->counts(); }

  // In the chain.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // In the file, of the same byte; of a compressed one, of the record that holds it.
  [[nodiscard]] std::uint64_t place() const noexcept {
    return is_compressed_ ? source_->piece_at() : offset_;
  }
  // Up to where the file was looked at, once the chain has ended.
  [[nodiscard]] std::uint64_t end_place() const noexcept {
    return is_compressed_ ? source_->at() : offset_;
  }
  // So many bytes from here on, ahead_bytes_max at most, or what is left of them. Valid until the
  // next call.
  [[nodiscard]] ByteView ahead(std::size_t count) {
    if (end_ - begin_ < count) fill(count);
    return ByteView(window_).subspan(begin_, std::min(count, end_ - begin_));
  }
  // All that is at hand, at least `count` bytes unless the chain ends before.
  [[nodiscard]] ByteView at_hand(std::size_t count) {
    if (end_ - begin_ < count) fill(count);
    return ByteView(window_).subspan(begin_, end_ - begin_);
  }
  // What ahead() has given, or less of it.
  void drop(std::size_t count) noexcept {
    begin_ += count;
    offset_ += count;
  }
  // How many of these there were, which is less only at the end.
  std::uint64_t skip(std::uint64_t count);
  [[nodiscard]] const std::optional<Trouble>& trouble() const noexcept {
    return source_->trouble();
  }

 private:
  void fill(std::size_t count);

  std::unique_ptr<BakSource> source_;
  bool is_compressed_ = false;
  std::uint32_t container_version_ = 0;
  std::stop_token stop_;
  Bytes window_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the window and not yet dropped
  std::uint64_t offset_ = 0;
};

inline constexpr std::string_view compressed_magic = "MSSQLBAK";

// Whether a file could be a backup: its first 52 bytes, or fewer of a shorter one.
[[nodiscard]] bool begins_as_bak(ByteView front) noexcept;

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
// zstd, as restic uses it: one frame a blob. The only file of this room that knows libzstd is
// compression.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::format {

// restic's names for levels: off stores raw, automatic is zstd 3, fastest 1, better 7, max 11.
enum class Compression : std::uint8_t { automatic, off, fastest, better, max };
// Reads "auto", "off", "fastest", "better", "max". Errc::usage otherwise.
[[nodiscard]] Compression parse_compression(std::string_view name);

// Contexts for compressing; keep one per thread.
class Compressor {
 public:
  explicit Compressor(Compression level);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends one zstd frame of `plain` to `to` and returns true; or, if `to` would grow by at least
  // plain.size() bytes, leaves `to` as it was and returns false. Never for Compression::off: false.
  // `always` compresses even where it does not pay, at level 3 if off (trees, unpacked files).
  // Empty data is never compressed, because a length of 0 means "not compressed": false. Above 64
  // KiB two samples are tried first, so that data that cannot shrink costs little.
  [[nodiscard]] bool compress(ByteView plain, Bytes& to, bool always = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Contexts for decompressing; keep one per thread.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Replaces `plain` by the content of one frame that must hold exactly `size_bytes`. Errc::corrupt
  // if it does not, or on trailing bytes. Memory never exceeds size_bytes + 8 MiB of window.
  void decompress(ByteView frame, std::size_t size_bytes, Bytes& plain);
  // The same where the size is not known: at most `size_bytes_max`, else Errc::corrupt.
  void decompress_at_most(ByteView frame, std::size_t size_bytes_max, Bytes& plain);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::format

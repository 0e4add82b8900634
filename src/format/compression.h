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

// restic's names for levels: off stores raw, automatic is zstd 3, or 1 for data without matches and
// for data of up to 16 KiB (docs/adr/0007-automatic-compression-may-be-level-1.md);
// fastest is 1, better 7, max 11.
enum class Compression : std::uint8_t { automatic, off, fastest, better, max };
// Reads "auto", "off", "fastest", "better", "max". Errc::usage otherwise.
[[nodiscard]] Compression parse_compression(std::string_view name);

// What a sample says of a run of bytes, from which several blobs may be made.
enum class Promise : std::uint8_t {
  unknown,    // up to 64 KiB, or not to be compressed
  none,       // it does not shrink
  matches,    // worth its level
  matchless,  // it shrinks, but hardly anything in it comes again: level 1 will do
};

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
  // Empty data is never compressed, because a length of 0 means "not compressed": false. `promise`
  // is what judge() said of bytes that `plain` is part of; it is asked of `plain` itself if that
  // was nothing, or that they do not shrink.
  [[nodiscard]] bool compress(ByteView plain, Bytes& to, bool always = false,
                              Promise promise = Promise::unknown);
  // What a sample of the run says, or two, so that data that cannot shrink cost little.
  [[nodiscard]] Promise judge(ByteView run);

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

// SPDX-License-Identifier: Apache-2.0
// A view of a stream that moves along it: some of it contiguous in memory, the rest still to come.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/bytes.h"
#include "base/stream.h"

namespace holdfast::engine::oracle {

// Every taking method throws Errc::corrupt where the stream ends too early, and is_cut() is true
// from then on; Errc::cancelled soon after a stop request. What a method gave is valid until the
// next call. One thread.
class ExpWindow {
 public:
  static constexpr std::size_t size_bytes = 1U << 20U;  // it grows up to line_bytes_max for a line
  static constexpr std::size_t line_bytes_max = 8U << 20U;

  ExpWindow(ByteSource& source, const std::stop_token& stop);

  [[nodiscard]] std::uint64_t offset() const noexcept {
    return begin_offset_ + static_cast<std::uint64_t>(at_ - buffer_.get());
  }
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }

  // Up to so many of the next bytes, at most size_bytes: fewer only at the end of the stream.
  [[nodiscard]] ByteView peek(std::size_t count) {
    if (left() < count) fill(count);
    return {at_, left() < count ? left() : count};
  }
  [[nodiscard]] std::uint16_t u16() {
    if (left() < 2) need(2);
    const auto value = static_cast<std::uint16_t>(std::to_integer<unsigned>(at_[0]) |
                                                  std::to_integer<unsigned>(at_[1]) << 8U);
    at_ += 2;
    return value;
  }
  [[nodiscard]] ByteView take(std::size_t count) {  // at most size_bytes
    if (left() < count) need(count);
    const ByteView taken(at_, count);
    at_ += count;
    return taken;
  }
  void skip(std::uint64_t count) {
    if (count <= left())
      at_ += count;
    else
      skip_far(count);
  }
  // Up to the next line feed, which is taken too. Errc::corrupt for a line above line_bytes_max.
  [[nodiscard]] std::string_view line();

 private:
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void fill(std::size_t count);  // until so many are there, or the stream ends
  void need(std::size_t count);
  void skip_far(std::uint64_t count);
  [[noreturn]] void cut();

  ByteSource& source_;
  const std::stop_token& stop_;
  std::unique_ptr<std::byte[]> buffer_;  // unset where nothing was read
  std::size_t capacity_ = size_bytes;
  const std::byte* at_;
  const std::byte* end_;
  std::uint64_t begin_offset_ = 0;  // of the buffer's front
  bool is_at_end_ = false, is_cut_ = false;
};

}  // namespace holdfast::engine::oracle

// SPDX-License-Identifier: Apache-2.0
// A dump that comes once, in order, seen through a window that moves along it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/stream.h"

namespace holdfast::engine::oracle {

// A source that can leave bytes out without reading them.
class PumpFileSource final : public ByteSource {
 public:
  // Errc::not_found, denied, io; Errc::usage for what is no regular file.
  explicit PumpFileSource(const std::filesystem::path& file, std::uint64_t offset_bytes = 0);
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
  void skip(std::uint64_t count) noexcept { offset_ += count; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

 private:
  std::string path_;
  Fd fd_;
  std::uint64_t offset_;
  std::uint64_t size_bytes_ = 0;
};

class PumpInput {
 public:
  static constexpr std::size_t ahead_bytes_max = std::size_t{1} << 20U;

  PumpInput(ByteSource& source, std::stop_token stop);
  PumpInput(PumpFileSource& source, std::stop_token stop);

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  // So many bytes from here on, ahead_bytes_max at most, or what is left of them. Valid until the
  // next call. Errc::cancelled soon after a stop request.
  [[nodiscard]] ByteView ahead(std::size_t count) {
    if (end_ - begin_ < count) fill(count);
    return ByteView(window_).subspan(begin_, std::min(count, end_ - begin_));
  }
  // What ahead() has given, or less of it.
  void drop(std::size_t count) noexcept {
    begin_ += count;
    offset_ += count;
  }
  // How many of these there were, which is less only at the end.
  std::uint64_t skip(std::uint64_t count);

 private:
  void fill(std::size_t count);

  ByteSource& source_;
  PumpFileSource* file_ = nullptr;
  std::stop_token stop_;
  Bytes window_;
  std::size_t begin_ = 0, end_ = 0;  // of what is in the window and not yet dropped
  std::uint64_t offset_ = 0;
};

}  // namespace holdfast::engine::oracle

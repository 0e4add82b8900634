// SPDX-License-Identifier: Apache-2.0
// Bytes of a file at any place, read ahead where they are taken one behind the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/bytes.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// The size of a file that still grows, once it is more than `known_bytes`, or else for good. What
// lies more than 2 MiB in front of those is not read any more. Empty: the file is at rest.
using Growth = std::function<std::uint64_t(std::uint64_t known_bytes)>;

class FileWindow {
 public:
  static constexpr std::size_t bytes_max = std::size_t{1} << 20U;

  explicit FileWindow(model::RandomSource& file, Growth growth = {})
      : file_(file), growth_(std::move(growth)), size_bytes_(file.size_bytes()) {}

  // As far as is known.
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  // Whether the file has so many bytes.
  [[nodiscard]] bool reaches(std::uint64_t end) {
    while (size_bytes_ < end && growth_) {
      const std::uint64_t now = growth_(size_bytes_);
      if (now == size_bytes_) break;
      size_bytes_ = now;
    }
    return end <= size_bytes_;
  }
  // So many bytes, bytes_max at most, or what is left of them. Valid until the next call.
  [[nodiscard]] ByteView at(std::uint64_t offset, std::size_t count) {
    if (!reaches(offset + count) && offset >= size_bytes_) return {};
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, size_bytes_ - offset));
    if (offset < begin_ || offset + count > begin_ + window_.size()) load(offset, count);
    return ByteView(window_).subspan(static_cast<std::size_t>(offset - begin_), count);
  }

 private:
  static constexpr std::size_t jump_bytes = 4096;

  // A little after a jump, much where it goes on.
  void load(std::uint64_t offset, std::size_t count) {
    const bool goes_on = offset >= begin_ && offset <= begin_ + window_.size();
    const std::size_t wanted = std::max(count, goes_on ? bytes_max : jump_bytes);
    window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(wanted, size_bytes_ - offset)));
    begin_ = offset;
    file_.read_at(offset, window_);
  }

  model::RandomSource& file_;
  Growth growth_;
  std::uint64_t size_bytes_;
  Bytes window_;
  std::uint64_t begin_ = 0;
};

}  // namespace holdfast::engine::sqlserver

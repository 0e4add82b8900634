// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::oracle {

ExpWindow::ExpWindow(ByteSource& source, const std::stop_token& stop)
    : source_(source),
      stop_(stop),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(size_bytes)),
      at_(buffer_.get()),
      end_(at_) {}

void ExpWindow::cut() {
  is_cut_ = true;
  throw Error(Errc::corrupt, fmt::format("the file ends at byte {}", offset() + left()));
}

void ExpWindow::fill(std::size_t count) {
  if (is_at_end_) return;
  if (stop_.stop_requested()) throw Error(Errc::cancelled, "stopped while reading a dump");
  std::size_t held = left();
  begin_offset_ = offset();
  if (capacity_ < count) {
    auto larger = std::make_unique_for_overwrite<std::byte[]>(count);
    if (held > 0) std::memcpy(larger.get(), at_, held);
    buffer_ = std::move(larger);
    capacity_ = count;
  } else if (held > 0) {
    std::memmove(buffer_.get(), at_, held);
  }
  while (held < count && !is_at_end_) {
    const std::size_t more = source_.read(std::span(buffer_.get() + held, capacity_ - held));
    is_at_end_ = more == 0;
    held += more;
  }
  at_ = buffer_.get();
  end_ = at_ + held;
}

void ExpWindow::need(std::size_t count) {
  fill(count);
  if (left() < count) cut();
}

void ExpWindow::skip_far(std::uint64_t count) {
  while (count > left()) {
    count -= left();
    at_ = end_;
    fill(1);
    if (left() == 0) cut();
  }
  at_ += count;
}

std::string_view ExpWindow::line() {
  std::size_t looked = 0;
  for (;;) {
    const void* const found =
        looked == left() ? nullptr : std::memchr(at_ + looked, '\n', left() - looked);
    if (found != nullptr) {
      const auto* const end = static_cast<const std::byte*>(found);
      const std::string_view text(reinterpret_cast<const char*>(at_),
                                  static_cast<std::size_t>(end - at_));
      at_ = end + 1;
      return text;
    }
    looked = left();
    if (looked >= line_bytes_max)
      throw Error(Errc::corrupt, fmt::format("the line at byte {} has no end", offset()));
    fill(std::min(line_bytes_max, std::max(size_bytes, 2 * looked)));
    if (left() == looked) cut();
  }
}

}  // namespace holdfast::engine::oracle

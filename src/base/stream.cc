// SPDX-License-Identifier: Apache-2.0
#include "base/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast {

std::size_t BytesSource::read(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), rest_.size());
  std::copy_n(rest_.begin(), count, into.begin());
  rest_ = rest_.subspan(count);
  return count;
}

Bytes read_all(ByteSource& source, std::size_t size_bytes_max) {
  constexpr std::size_t step_bytes = 64U << 10U;
  Bytes bytes;
  // Room for a short text and the look beyond it in one buffer: it may be a password, and a buffer
  // that is outgrown is not wiped.
  bytes.reserve(std::min(2 * step_bytes - 1, size_bytes_max) + 1);
  std::size_t filled = 0;
  for (;;) {
    // One byte of room beyond the limit shows whether the source has more than it may.
    const std::size_t room = std::min(step_bytes - 1, size_bytes_max - filled) + 1;
    if (bytes.size() < filled + room) bytes.resize(filled + room);
    const std::size_t count = source.read(std::span(bytes).subspan(filled, room));
    if (count == 0) break;
    filled += count;
    if (filled > size_bytes_max) {
      throw Error(Errc::corrupt, fmt::format("a stream is longer than {} bytes", size_bytes_max));
    }
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace holdfast

// SPDX-License-Identifier: Apache-2.0
// Where bytes go and where they come from. The seam between engines and the archive.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace holdfast {

// Takes bytes in order. One thread at a time. Throws Error if they cannot be taken.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual void write(ByteView bytes) = 0;

 protected:
  ByteSink() = default;
};

// Gives bytes in order. One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  // Fills the front of `into` and returns how many bytes it wrote: 1..into.size(), or 0 at the
  // end (and for an empty `into`).
  [[nodiscard]] virtual std::size_t read(std::span<std::byte> into) = 0;

 protected:
  ByteSource() = default;
};

// Collects everything in memory. For small texts and tests.
class BytesSink final : public ByteSink {
 public:
  void write(ByteView more) override { append(bytes, more); }
  Bytes bytes;
};

// Reads from memory that outlives it.
class BytesSource final : public ByteSource {
 public:
  explicit BytesSource(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

 private:
  ByteView rest_;
};

// Everything that is left in `source`; Errc::corrupt if that is more than `size_bytes_max`.
[[nodiscard]] Bytes read_all(ByteSource& source, std::size_t size_bytes_max);

}  // namespace holdfast

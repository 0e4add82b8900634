// SPDX-License-Identifier: Apache-2.0
// The one way in which files of TypeDB are opened and read: never a pipe, which would wait for its
// writer, nor a device, and hearing a request to stop at every read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/fd.h"
#include "base/stream.h"
#include "model/part.h"

namespace holdfast::engine::typedb {

// Links are followed where a person names a file, and refused in what is found in a directory.
enum class Links : std::uint8_t { refused, followed };

// A regular file as it was when it was opened. Reads on from its beginning, or at a place; both
// throw Errc::cancelled after a stop request. One thread.
class StoredFile final : public ByteSource, public model::RandomSource {
 public:
  // Errc::corrupt naming what is no regular file, Errc::not_found, denied. `stop` outlives it.
  StoredFile(const std::filesystem::path& path, const std::stop_token& stop,
             Links links = Links::refused);
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override;
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  // Takes it to end there, if it does not end before.
  void end_at(std::uint64_t size_bytes) noexcept {
    size_bytes_ = std::min(size_bytes_, size_bytes);
  }
  // All of it; Errc::corrupt if it is larger.
  [[nodiscard]] std::string text(std::size_t size_bytes_max);

 private:
  void check_stop() const;

  std::string path_;
  const std::stop_token& stop_;
  Fd file_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace holdfast::engine::typedb

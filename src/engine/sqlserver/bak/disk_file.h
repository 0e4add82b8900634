// SPDX-License-Identifier: Apache-2.0
// A file on disk, read at any place; from several threads at once.
#pragma once

#include <fcntl.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/fd.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

class DiskFile final : public model::RandomSource {
 public:
  explicit DiskFile(const std::filesystem::path& path)
      : path_(path.string()),
        fd_(open_file(path, O_RDONLY)),
        size_bytes_(std::filesystem::file_size(path)) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    pread_exact(fd_.get(), into, offset_bytes, path_);
  }

 private:
  std::string path_;
  Fd fd_;
  std::uint64_t size_bytes_;
};

}  // namespace holdfast::engine::sqlserver

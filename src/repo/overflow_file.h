// SPDX-License-Identifier: Apache-2.0
// Memory for much that is looked at seldom: pages of a file without a name, which the kernel can
// write to the disk and take away where memory is short. docs/adr/0012 says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/fd.h"

namespace holdfast::repo {

// Not for several threads at once; what it has given may be used by any number of them. Children of
// this process that run programs have neither the file nor its pages.
class OverflowFile {
 public:
  // So much of the file system stays free for others.
  static constexpr std::uint64_t spare_bytes = std::uint64_t{1} << 30U;

  // Nothing is touched yet. An empty `directory` means that there is no file.
  explicit OverflowFile(std::filesystem::path directory, std::uint64_t spare = spare_bytes)
      : directory_(std::move(directory)), spare_(spare) {}
  ~OverflowFile();
  OverflowFile(const OverflowFile&) = delete;
  OverflowFile& operator=(const OverflowFile&) = delete;

  // So many bytes of zeros at the beginning of a page, which last as long as this object. The disk
  // has room for them already, so that writing them never fails. Null if the directory can neither
  // be used nor made, is not on ext4 or XFS, or has no room; a line in the log says which, and
  // later calls do not try again.
  [[nodiscard]] std::byte* extend(std::size_t size_bytes) noexcept;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] const Fd& file() const noexcept { return file_; }  // none before the first call

 private:
  [[nodiscard]] std::byte* map_more(std::size_t size_bytes);

  struct Extent {
    std::byte* begin;
    std::size_t size_bytes;
  };
  std::filesystem::path directory_;  // empty from the first failure on
  const std::uint64_t spare_;
  Fd file_;
  std::uint64_t size_bytes_ = 0;
  std::vector<Extent> extents_;
};

}  // namespace holdfast::repo

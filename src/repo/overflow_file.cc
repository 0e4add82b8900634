// SPDX-License-Identifier: Apache-2.0
#include "repo/overflow_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace holdfast::repo {
namespace {

// A file that is gone with its last descriptor and mapping. Only these file systems keep what was
// reserved for every write to the same place; others may need new room each time, or lie in memory,
// where pages cannot be written anywhere but to the swap space.
Fd nameless_file(const std::filesystem::path& directory) {
  make_private_directories(directory);
  Fd file = open_file(directory, O_TMPFILE | O_RDWR);
  struct statfs system {};
  if (::fstatfs(file.get(), &system) != 0) throw system_error(errno, "looking at the file system");
  if (system.f_type != EXT4_SUPER_MAGIC && system.f_type != XFS_SUPER_MAGIC) {
    throw Error(Errc::unsupported, "the file system is neither ext4 nor XFS");
  }
  return file;
}

std::uint64_t free_bytes(int file) {
  struct statvfs system {};
  if (::fstatvfs(file, &system) != 0) throw system_error(errno, "looking at the file system");
  return std::uint64_t{system.f_bavail} * system.f_frsize;
}

// fallocate(2), not the C library's: that one writes zeros where the file system cannot reserve,
// and some of those tell only later that the disk was full.
void reserve(int file, std::uint64_t offset_bytes, std::size_t size_bytes) {
  while (::fallocate(file, 0, static_cast<off_t>(offset_bytes), static_cast<off_t>(size_bytes)) !=
         0) {
    if (errno != EINTR) throw system_error(errno, "reserving room");
  }
}

}  // namespace

OverflowFile::~OverflowFile() {
  for (const Extent& extent : extents_) ::munmap(extent.begin, extent.size_bytes);
}

std::byte* OverflowFile::extend(std::size_t size_bytes) noexcept {
  if (directory_.empty()) return nullptr;
  try {
    return map_more(size_bytes);
  } catch (const std::exception& error) {  // its user takes memory of the process instead
    log(LogLevel::debug, "no file takes what is too much for memory",
        {{"directory", directory_.string()}, {"error", error.what()}});
    directory_.clear();
    return nullptr;
  }
}

std::byte* OverflowFile::map_more(std::size_t size_bytes) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t whole_bytes = (size_bytes + page_bytes - 1) / page_bytes * page_bytes;
  if (!file_) file_ = nameless_file(directory_);
  if (free_bytes(file_.get()) < spare_ + whole_bytes) {
    throw Error(Errc::no_space, "the file system has little room left");
  }
  extents_.reserve(extents_.size() + 1);
  reserve(file_.get(), size_bytes_, whole_bytes);
  void* const begin = ::mmap(nullptr, whole_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(),
                             static_cast<off_t>(size_bytes_));
  if (begin == MAP_FAILED) throw system_error(errno, "mapping a file");
  size_bytes_ += whole_bytes;
  extents_.push_back({static_cast<std::byte*>(begin), whole_bytes});
  return extents_.back().begin;
}

}  // namespace holdfast::repo

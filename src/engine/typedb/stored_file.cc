// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/stored_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

[[noreturn]] void refuse(const std::string& path) {
  throw Error(Errc::corrupt, fmt::format("{} is no regular file", path));
}

Fd open_regular(const std::filesystem::path& path, Links links) {
  struct ::stat status {};
  // The system tells a refused link as one of too many.
  if (links == Links::refused && ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
    refuse(path.native());
  Fd file = open_file(path, O_RDONLY | O_NONBLOCK | (links == Links::refused ? O_NOFOLLOW : 0));
  if (::fstat(file.get(), &status) != 0)
    throw system_error(errno, fmt::format("looking at {}", path.native()));
  if (!S_ISREG(status.st_mode)) refuse(path.native());
  return file;
}

}  // namespace

StoredFile::StoredFile(const std::filesystem::path& path, const std::stop_token& stop, Links links)
    : path_(path.native()), stop_(stop), file_(open_regular(path, links)) {
  struct ::stat status {};
  if (::fstat(file_.get(), &status) != 0)
    throw system_error(errno, fmt::format("looking at {}", path_));
  size_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

void StoredFile::check_stop() const {
  if (stop_.stop_requested())
    throw Error(Errc::cancelled, fmt::format("stopped while reading {}", path_));
}

std::size_t StoredFile::read(std::span<std::byte> into) {
  check_stop();
  return read_some(file_.get(), into, path_);
}

void StoredFile::read_at(std::uint64_t offset_bytes, std::span<std::byte> into) {
  check_stop();
  pread_exact(file_.get(), into, offset_bytes, path_);
}

std::string StoredFile::text(std::size_t size_bytes_max) {
  if (size_bytes_ > size_bytes_max)
    throw Error(Errc::corrupt,
                fmt::format("{} has {} bytes, more than {}", path_, size_bytes_, size_bytes_max));
  std::string all(static_cast<std::size_t>(size_bytes_), '\0');
  if (!all.empty()) read_at(0, std::as_writable_bytes(std::span(all)));
  return all;
}

}  // namespace holdfast::engine::typedb

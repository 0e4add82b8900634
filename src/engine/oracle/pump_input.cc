// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t window_bytes = std::size_t{256} << 10U;  // grows if more is wanted at once

}  // namespace

PumpFileSource::PumpFileSource(const std::filesystem::path& file, std::uint64_t offset_bytes)
    : path_(file.string()), fd_(open_file(file, O_RDONLY)), offset_(offset_bytes) {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw system_error(errno, "looking at " + path_);
  if (!S_ISREG(status.st_mode)) throw Error(Errc::usage, path_ + " is no regular file");
  size_bytes_ = static_cast<std::uint64_t>(status.st_size);
}

std::size_t PumpFileSource::read(std::span<std::byte> into) {
  if (offset_ >= size_bytes_) return 0;
  while (true) {
    const ssize_t count = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(offset_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_error(errno, "reading " + path_);
    offset_ += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  }
}

PumpInput::PumpInput(ByteSource& source, std::stop_token stop)
    : source_(source), stop_(std::move(stop)) {
  window_.resize(window_bytes);
}

PumpInput::PumpInput(PumpFileSource& source, std::stop_token stop)
    : PumpInput(static_cast<ByteSource&>(source), std::move(stop)) {
  file_ = &source;
  offset_ = source.offset();
}

void PumpInput::fill(std::size_t count) {
  check_rule(count <= ahead_bytes_max, "no more is looked ahead than the window has");
  if (begin_ > 0) {
    std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (window_.size() < count) window_.resize(2 * count);
  while (end_ < count) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "reading a dump was cancelled");
    const std::size_t more = source_.read(std::span(window_).subspan(end_));
    if (more == 0) return;
    end_ += more;
  }
}

std::uint64_t PumpInput::skip(std::uint64_t count) {
  std::uint64_t skipped = std::min<std::uint64_t>(count, end_ - begin_);
  drop(static_cast<std::size_t>(skipped));
  if (file_ != nullptr && skipped < count) {
    const std::uint64_t left = file_->size_bytes() - std::min(file_->size_bytes(), offset_);
    const std::uint64_t rest = std::min(count - skipped, left);
    file_->skip(rest);
    offset_ += rest;
    return skipped + rest;
  }
  while (skipped < count) {
    const std::uint64_t wanted = std::min<std::uint64_t>(count - skipped, ahead_bytes_max);
    const std::size_t there = ahead(static_cast<std::size_t>(wanted)).size();
    if (there == 0) break;
    drop(there);
    skipped += there;
  }
  return skipped;
}

}  // namespace holdfast::engine::oracle

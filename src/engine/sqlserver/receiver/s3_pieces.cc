// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/receiver/s3_pieces.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/error.h"

namespace holdfast::engine::sqlserver {

namespace {

constexpr std::string_view file_name = "parts of a backup that came before their turn";

Fd unnamed_file(const std::filesystem::path& directory) {
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file) return file;
  // Not every file system knows O_TMPFILE.
  std::string name = (directory / ".holdfast-parts-XXXXXX").string();
  file.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!file) throw system_error(errno, "cannot make a file in " + directory.string());
  ::unlink(name.c_str());
  return file;
}

}  // namespace

S3Pieces::S3Pieces(std::size_t memory_bytes_max, std::filesystem::path scratch_directory)
    : memory_max_(std::max<std::size_t>(memory_bytes_max / piece_bytes, 1)),
      scratch_directory_(std::move(scratch_directory)) {}

S3Pieces::Piece S3Pieces::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return is_closed_ || used_ < memory_max_ || moving_ == 0; });
  if (is_closed_) throw Error(Errc::cancelled, "the receiver of backups was stopped");
  if (used_ < memory_max_) {
    Bytes buffer;
    if (!idle_.empty()) {
      buffer = std::move(idle_.back());
      idle_.pop_back();
    } else {
      idle_.reserve(memory_max_);  // so that giving back never fails
      buffer.reserve(piece_bytes);
    }
    ++used_;
    return Piece(this, std::move(buffer));
  }
  if (!file_) file_ = unnamed_file(scratch_directory_);
  if (free_slots_.empty()) {
    free_slots_.reserve(slots_ + 1);
    return Piece(this, slots_++);
  }
  const std::uint64_t slot = free_slots_.back();
  free_slots_.pop_back();
  return Piece(this, slot);
}

void S3Pieces::close() noexcept {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

void S3Pieces::release(Piece& piece) noexcept {
  const std::lock_guard lock(mutex_);
  if (piece.is_on_disk_) {
    free_slots_.push_back(piece.slot_);
    return;
  }
  piece.memory_.clear();
  idle_.push_back(std::move(piece.memory_));
  --used_;
  changed_.notify_all();
}

S3Pieces::Moving::Moving(S3Pieces& pieces) : pieces_(pieces) {
  const std::lock_guard lock(pieces_.mutex_);
  ++pieces_.moving_;
}
S3Pieces::Moving::~Moving() {
  const std::lock_guard lock(pieces_.mutex_);
  --pieces_.moving_;
  pieces_.changed_.notify_all();
}

S3Pieces::Piece::Piece(Piece&& other) noexcept
    : pieces_(std::exchange(other.pieces_, nullptr)),
      memory_(std::move(other.memory_)),
      slot_(other.slot_),
      is_on_disk_(other.is_on_disk_),
      size_bytes_(other.size_bytes_) {}
S3Pieces::Piece::~Piece() {
  if (pieces_ != nullptr) pieces_->release(*this);
}

std::size_t S3Pieces::Piece::add(ByteView bytes) {
  const std::size_t count = std::min(bytes.size(), piece_bytes - size_bytes_);
  if (is_on_disk_) {
    pwrite_all(pieces_->file_.get(), bytes.first(count), slot_ * piece_bytes + size_bytes_,
               file_name);
  } else {
    append(memory_, bytes.first(count));
  }
  size_bytes_ += count;
  return count;
}

void S3Pieces::Piece::give(ByteSink& into) const {
  if (!is_on_disk_) return into.write(memory_);
  Bytes buffer(size_bytes_);
  pread_exact(pieces_->file_.get(), buffer, slot_ * piece_bytes, file_name);
  into.write(buffer);
}

void S3Content::write(ByteView bytes) {
  while (!bytes.empty()) {
    if (content_.empty() || content_.back().size_bytes() == S3Pieces::piece_bytes) {
      content_.push_back(pieces_->take());
    }
    bytes = bytes.subspan(content_.back().add(bytes));
  }
}

std::uint64_t S3Content::on_disk_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& piece : content_) sum += piece.is_on_disk() ? piece.size_bytes() : 0;
  return sum;
}

}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t buffer_bytes = 1U << 20U;

}  // namespace

ExportReader::ExportReader(ByteSource& source, std::string name)
    : source_(source),
      name_(std::move(name)),
      buffer_(std::make_unique_for_overwrite<std::byte[]>(buffer_bytes)),
      room_(buffer_bytes) {}

// Whether `wanted` bytes lie in the buffer from begin_ on, after reading if need be. The buffer
// only grows once it is full, so that a length alone makes nothing larger.
bool ExportReader::fill(std::size_t wanted) {
  while (end_ - begin_ < wanted && !at_end_) {
    if (begin_ > 0 && begin_ + wanted > room_) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == room_) {
      room_ = std::min(room_ * 2, std::max(wanted, buffer_bytes));
      auto larger = std::make_unique_for_overwrite<std::byte[]>(room_);
      std::memcpy(larger.get(), buffer_.get(), end_);
      buffer_ = std::move(larger);
    }
    const std::size_t count = source_.read({buffer_.get() + end_, room_ - end_});
    end_ += count;
    at_end_ = count == 0;
  }
  return end_ - begin_ >= wanted;
}

void ExportReader::refuse_end(std::uint64_t missing_bytes) {
  truncation_ = Truncation{offset_, offset_ + (end_ - begin_), missing_bytes};
  const std::string what = missing_bytes == 0
                               ? "within the length of"
                               : fmt::format("{} bytes before the end of", missing_bytes);
  throw Error(Errc::corrupt, fmt::format("{} ends at byte {}, {} the item that begins at byte {}",
                                         name_, truncation_->end_offset, what, offset_));
}

std::optional<ExportReader::Piece> ExportReader::next() {
  if (!fill(varint_bytes_max) && begin_ == end_) return std::nullopt;
  const Varint length =
      read_varint({buffer_.get() + begin_, std::min(end_ - begin_, varint_bytes_max)});
  if (length.too_large)
    throw Error(Errc::corrupt,
                fmt::format("{}: at byte {} stands no length of an item", name_, offset_));
  if (length.size_bytes == 0) refuse_end(0);
  if (length.value > item_bytes_max)
    throw Error(Errc::corrupt,
                fmt::format("{}: at byte {} stands the length of an item of {} bytes, more than {}",
                            name_, offset_, length.value, item_bytes_max));
  const std::size_t whole_bytes = length.size_bytes + static_cast<std::size_t>(length.value);
  if (!fill(whole_bytes)) refuse_end(whole_bytes - (end_ - begin_));
  const Piece piece{{buffer_.get() + begin_ + length.size_bytes, whole_bytes - length.size_bytes},
                    offset_};
  begin_ += whole_bytes;
  offset_ += whole_bytes;
  return piece;
}

}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_pieces.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

constexpr unsigned first_piece = 0x08, last_piece = 0x04, value_goes_on = 0x01,
                   value_continues = 0x02, has_length = 0x10, unknown_bits = 0xC0;
constexpr unsigned null_value = 0xFF, long_value = 0xFE;

// Errc::corrupt at a byte of the file.
[[noreturn]] void fail(std::uint64_t offset, std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("byte {}: {}", offset, why));
}

// Whether a column of these has a greatest length that is a number of bytes of the file.
bool is_measured(unsigned type_number) noexcept {
  switch (type_number) {
    case 1:
    case 2:
    case 12:
    case 23:
    case 96:
    case 100:
    case 101:
    case 180:
    case 181:
    case 182:
    case 183:
    case 231:
      return true;
    default:
      return false;
  }
}

}  // namespace

PieceReader::PieceReader(PumpInput& input, std::uint64_t data_bytes, const PumpTable& table,
                         Options options)
    : input_(input), end_(input.offset() + data_bytes), table_(table), options_(options) {
  for (const bool apart : {false, true}) {
    for (std::size_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i].is_apart() == apart) column_of_.push_back(i);
    if (!apart) in_row_ = column_of_.size();
  }
  place_of_.resize(column_of_.size());
  for (std::size_t i = 0; i < column_of_.size(); ++i) place_of_[column_of_[i]] = i;
  stored_.resize(column_of_.size());
}

unsigned PieceReader::number(std::size_t size) {
  if (left() < size) fail(input_.offset(), "the rows end within a piece");
  const ByteView bytes = input_.ahead(size);
  if (bytes.size() < size) fail(input_.offset(), "the file ends within a row");
  unsigned value = 0;
  for (const std::byte byte : bytes) value = value << 8U | std::to_integer<unsigned>(byte);
  input_.drop(size);
  return value;
}

void PieceReader::take_value(bool continues, bool goes_on) {
  const std::uint64_t at = input_.offset();
  unsigned size = number(1);
  const bool is_null = size == null_value;
  if (size == long_value) size = number(2);
  if (!continues) {
    if (values_ == column_of_.size()) fail(at, "a row has more values than its table has columns");
    ++values_;
    chain_bytes_ = 0;
  }
  if (is_null) {
    if (continues || goes_on) fail(at, "a value that goes on is NULL");
    stored_[values_ - 1] = {bytes_.size(), 0, true};
    return;
  }
  const PumpColumn& column = table_.columns[column_of_[values_ - 1]];
  // What is empty is NULL to Oracle, but for LOBs.
  if (size == 0 && is_measured(column.type_number)) fail(at, "a value has no bytes");
  chain_bytes_ += size;
  if (is_measured(column.type_number) && column.length_bytes != 0 &&
      chain_bytes_ > column.length_bytes)
    fail(at, fmt::format("a value of {} bytes is in {}, which has {}", chain_bytes_, column.name,
                         column.length_bytes));
  if (left() < size) fail(at, "the rows end within a value");
  const ByteView value = input_.ahead(size);
  if (value.size() < size) fail(at, "the file ends within a value");
  if (options_.with_values) {
    if (!continues) stored_[values_ - 1] = {bytes_.size(), 0, false};
    if (bytes_.size() + size > options_.row_bytes_max) {
      is_cut_ = true;
    } else {
      append(bytes_, value);
      stored_[values_ - 1].size += size;
    }
  }
  input_.drop(size);
}

void PieceReader::piece(bool& is_last) {
  const std::uint64_t at = input_.offset();
  const unsigned flags = number(1);
  if ((flags & unknown_bits) != 0) fail(at, fmt::format("a piece has the flags {:#04x}", flags));
  const bool is_first = at == row_offset_;
  if (((flags & first_piece) != 0) != is_first)
    fail(at, is_first ? "the first piece of a row is not flagged as such"
                      : "a row begins within another");
  const bool continues = (flags & value_continues) != 0;
  if (continues != goes_on_) fail(at, "a value does not go on where it should");
  is_last = (flags & last_piece) != 0;
  const bool goes_on = (flags & value_goes_on) != 0;
  if (is_last && goes_on) fail(at, "the last value of a row goes on");
  const unsigned size = (flags & has_length) != 0 ? number(2) : 0;
  const unsigned count = number(1);
  if (count == 0) fail(at, "a piece has no values");
  if (!continues) ++pieces_;
  const std::size_t before = continues ? values_ - 1 : values_;
  for (unsigned i = 0; i < count; ++i) take_value(continues && i == 0, goes_on && i + 1 == count);
  if (values_ > in_row_ && values_ - before > 1)
    fail(at, "a piece has a value of a LOB and others");
  if (size != 0 && input_.offset() - at != size)
    fail(at, fmt::format("a piece of {} bytes says that it has {}", input_.offset() - at, size));
  if ((flags & has_length) != 0 && size == 0) fail(at, "a piece says that it has no bytes");
  goes_on_ = goes_on;
}

bool PieceReader::next() {
  if (left() == 0) return false;
  row_offset_ = input_.offset();
  bytes_.clear();
  values_ = pieces_ = 0;
  goes_on_ = is_cut_ = is_ambiguous_ = false;
  for (bool is_last = false; !is_last;) {
    if (left() == 0) fail(row_offset_, "a row is not complete at the end of the rows");
    piece(is_last);
  }
  is_ambiguous_ = pieces_ > 1 && values_ < in_row_ && in_row_ < column_of_.size();
  for (std::size_t i = values_; i < stored_.size(); ++i) stored_[i] = {};
  return true;
}

std::optional<ByteView> PieceReader::value(std::size_t column) const {
  const Stored& stored = stored_.at(place_of_.at(column));
  if (stored.is_null) return std::nullopt;
  return ByteView(bytes_).subspan(stored.begin, stored.size);
}

}  // namespace holdfast::engine::oracle

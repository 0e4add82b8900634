// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/exp_rows_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

// Rows of fewer bytes leave their buffers to the next one: each of 1,000 columns may keep so much.
constexpr std::uint64_t narrow_row_bytes = 16U << 10U;

}  // namespace

ExpReader::Rows::Rows(ExpWindow& window, ExpDecoder& decoder, const Options& options,
                      ExpSection& section)
    : window_(window), decoder_(decoder), options_(options), section_(section) {
  for (const ExpColumn& column : section.columns)
    limits_.push_back({column.bytes_min, column.bytes_max, column.is_lob()});
}

void ExpReader::Rows::refuse(std::string_view column, std::uint16_t length) const {
  throw Error(Errc::corrupt,
              fmt::format("row {} has a value of column {} whose length {:#06x} cannot be, before "
                          "byte {}",
                          section_.rows + 1, column, length, window_.offset()));
}

std::uint32_t ExpReader::Rows::u32() {
  return load_le32(window_.take(4).data());
}

std::uint64_t ExpReader::Rows::long_length(const ExpColumn& column, std::uint16_t length) {
  if (!column.is_long() || length != exp_long_piece) refuse(column.name, length);
  ++section_.long_values;
  return u32();
}

void ExpReader::Rows::check_lobs(std::uint16_t told, std::size_t found) const {
  if (told == found) return;
  throw Error(Errc::corrupt, fmt::format("row {} ends with {} large values instead of {}, before "
                                         "byte {}",
                                         section_.rows + 1, told, found, window_.offset()));
}

void ExpReader::Rows::end() {
  if (window_.take(1)[0] != std::byte{'\n'})
    throw Error(Errc::corrupt,
                fmt::format("the rows end at byte {} without a line feed", window_.offset() - 1));
}

template <typename Piece>
void ExpReader::Rows::read_lob(std::string_view column, Piece&& piece) {
  const std::uint16_t length = window_.u16();
  if (length < exp_length_end) {
    piece(length);
    return;
  }
  if (length != exp_lob_chunks) refuse(column, length);
  ++section_.long_values;
  std::uint32_t left = u32();
  if (u32() != 0) refuse(column, length);
  while (left > 0) {
    const std::uint16_t chunk = window_.u16();
    if (chunk == 0 || chunk > left) refuse(column, chunk);
    piece(chunk);
    left -= chunk;
  }
}

void ExpReader::Rows::count() {
  const Limits* const end_of_limits = limits_.data() + limits_.size();
  for (std::uint16_t length = window_.u16(); length != exp_rows_end; length = window_.u16()) {
    std::size_t lobs = 0;
    for (const Limits* limits = limits_.data();;) {
      if (length >= limits->bytes_min && length <= limits->bytes_max) {
        window_.skip(length);
        lobs += limits->is_lob ? 1 : 0;
      } else if (length != exp_null) {
        const auto index = static_cast<std::size_t>(limits - limits_.data());
        window_.skip(long_length(section_.columns[index], length));
      }
      if (++limits == end_of_limits) break;
      length = window_.u16();
    }
    if (!section_.is_direct) {
      check_lobs(window_.u16(), lobs);
      for (; lobs > 0; --lobs)
        read_lob("of large values", [this](std::uint64_t bytes) { window_.skip(bytes); });
    }
    ++section_.rows;
  }
  end();
}

void ExpReader::Rows::keep(std::uint64_t count) {
  row_bytes_ += count;
  if (row_bytes_ > options_.row_bytes_max) {
    window_.skip(count);
    return;
  }
  while (count > 0) {
    const auto step = std::min<std::uint64_t>(count, ExpWindow::size_bytes);
    append(value_, window_.take(static_cast<std::size_t>(step)));
    count -= step;
  }
}

void ExpReader::Rows::decode(const ExpColumn& column, std::size_t index, std::uint64_t count) {
  if (count < exp_length_end && row_bytes_ + count <= options_.row_bytes_max) {
    row_bytes_ += count;
    decoder_.decode(column, window_.take(static_cast<std::size_t>(count)), row_[index]);
    return;
  }
  value_.clear();
  keep(count);
  if (row_bytes_ <= options_.row_bytes_max) decoder_.decode(column, value_, row_[index]);
}

void ExpReader::Rows::clear_row() {
  if (row_bytes_ >= narrow_row_bytes) row_.clear();
  row_.resize(section_.columns.size());
  for (model::Value& value : row_) {
    value.kind = model::ValueKind::null;
    value.text.clear();
  }
  row_bytes_ = 0;
}

void ExpReader::Rows::give(ExpVisitor& visitor) {
  for (std::uint16_t length = window_.u16(); length != exp_rows_end;) {
    clear_row();
    lobs_.clear();
    for (std::size_t i = 0; i < limits_.size(); ++i) {
      if (i > 0) length = window_.u16();
      if (length == exp_null) continue;
      const ExpColumn& column = section_.columns[i];
      const bool is_plain = length >= column.bytes_min && length <= column.bytes_max;
      const std::uint64_t count = is_plain ? length : long_length(column, length);
      if (column.is_lob()) {
        lobs_.push_back(i);
        window_.skip(count);  // where the server has it, which is of no use here
      } else {
        decode(column, i, count);
      }
    }
    if (!section_.is_direct) {
      check_lobs(window_.u16(), lobs_.size());
      for (const std::size_t i : lobs_) {
        const ExpColumn& column = section_.columns[i];
        value_.clear();
        read_lob(column.name, [this](std::uint64_t bytes) { keep(bytes); });
        if (row_bytes_ <= options_.row_bytes_max) decoder_.decode(column, value_, row_[i]);
      }
    }
    ++section_.rows;
    if (row_bytes_ <= options_.row_bytes_max) {
      visitor.row(section_, row_);
    } else {
      if (options_.refuses_large_rows)
        throw Error(Errc::unsupported, fmt::format("row {} has more than {} bytes", section_.rows,
                                                   options_.row_bytes_max));
      ++section_.large_rows;
    }
    length = window_.u16();
  }
  end();
}

}  // namespace holdfast::engine::oracle

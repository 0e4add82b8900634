// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t window_bytes = std::size_t{256} << 10U;

}  // namespace

BcpReader::BcpReader(ByteSource& source, const SqlTable& table, std::stop_token stop,
                     std::uint64_t row_bytes_max)
    : source_(source),
      table_(table),
      stop_(std::move(stop)),
      row_bytes_max_(row_bytes_max),
      window_(window_bytes) {
  check_rule(table.obstacle().empty(), "rows are read of tables whose columns are known");
  for (const SqlColumn& column : table.columns) layouts_.push_back(bcp_layout(column));
}

ByteView BcpReader::ahead(std::size_t count) {
  if (end_ - begin_ < count && !has_ended_) {
    if (begin_ > 0) std::memmove(window_.data(), window_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    while (end_ < count && !has_ended_) {
      // Of a long value no more is held than has come.
      if (end_ == window_.size()) window_.resize(std::max(count / 8, 2 * end_));
      const std::size_t got = source_.read(std::span(window_).subspan(end_));
      has_ended_ = got == 0;
      end_ += got;
    }
  }
  return ByteView(window_).subspan(begin_, std::min(count, end_ - begin_));
}

ByteView BcpReader::take(std::size_t count) {
  const ByteView found = ahead(count);
  if (found.size() < count)
    throw Error(Errc::corrupt, fmt::format("row {} is cut off: the part ends at byte {}", rows_ + 1,
                                           offset_ + found.size()));
  begin_ += count;
  offset_ += count;
  return found;
}

void BcpReader::skip(std::uint64_t count) {
  while (count > 0) {
    const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count, window_bytes));
    static_cast<void>(take(step));
    count -= step;
  }
}

void BcpReader::refuse(std::size_t column, const std::string& why) const {
  throw Error(Errc::corrupt, fmt::format("row {}, column {}: {}, before byte {} of the part",
                                         rows_ + 1, table_.columns[column].name, why, offset_));
}

std::optional<std::uint64_t> BcpReader::length_of(std::size_t column) {
  const BcpLayout& layout = layouts_[column];
  if (layout.prefix_bytes == 0) return layout.bytes_max;
  const ByteView prefix = take(layout.prefix_bytes);
  std::uint64_t length = 0;
  for (std::size_t i = prefix.size(); i-- > 0;)
    length = length << 8U | std::to_integer<std::uint64_t>(prefix[i]);
  const std::uint64_t all_ones = ~std::uint64_t{0} >> (64U - 8U * layout.prefix_bytes);
  if (layout.zero_is_null ? length == 0 : length == all_ones) {
    if (!table_.columns[column].is_nullable) refuse(column, "it is null, which it cannot be");
    return std::nullopt;
  }
  if (length < layout.bytes_min || length > layout.bytes_max)
    refuse(column, fmt::format("it is said to have {} bytes, which no {} has", length,
                               table_.columns[column].declared()));
  return length;
}

void BcpReader::read_value(std::size_t column, model::Value& into) {
  into.kind = model::ValueKind::null;
  const auto length = length_of(column);
  if (!length) {
    into.text.clear();
    return;
  }
  row_bytes_ += std::min(*length, row_bytes_max_ + 1);
  if (row_bytes_ > row_bytes_max_) {
    is_large_ = true;
    return skip(*length);
  }
  if (row_bytes_ >= wide_row_bytes) turn_.take(static_cast<std::size_t>(row_bytes_), stop_);
  const ByteView stored = take(static_cast<std::size_t>(*length));
  try {
    if (!decode_bcp(table_.columns[column], stored, into)) ++undecodable_;
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    refuse(column, error.message());
  }
}

bool BcpReader::next(model::Row& row) {
  if (row_bytes_ >= wide_row_bytes) {  // what the last one took
    row.clear();
    row.shrink_to_fit();
    Bytes rest(std::max(window_bytes, end_ - begin_));
    std::copy(window_.begin() + static_cast<std::ptrdiff_t>(begin_),
              window_.begin() + static_cast<std::ptrdiff_t>(end_), rest.begin());
    end_ -= begin_;
    begin_ = 0;
    window_ = std::move(rest);
    turn_.done();
  }
  row_bytes_ = 0;
  is_large_ = false;
  if (ahead(1).empty()) return false;
  const std::uint64_t begun = offset_;
  row.resize(table_.columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) read_value(i, row[i]);
  if (offset_ == begun)
    throw Error(Errc::corrupt, fmt::format("rows of {} have no bytes", table_.name.display()));
  if (row_bytes_ >= wide_row_bytes) turn_.got(static_cast<std::size_t>(row_bytes_), stop_);
  ++rows_;
  return true;
}

}  // namespace holdfast::engine::sqlserver

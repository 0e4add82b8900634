// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;

constexpr std::size_t window_bytes = std::size_t{64} << 10U;

bool is_text(SqlType type) noexcept {
  return type >= SqlType::character && type <= SqlType::xml;
}

bool is_bytes(SqlType type) noexcept {
  return type >= SqlType::binary && type <= SqlType::clr;
}

// The front of a text that ends with a whole character.
std::string_view piece_of(std::string_view text) noexcept {
  if (text.size() <= window_bytes) return text;
  std::size_t end = window_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

BcpWriter::BcpWriter(ByteSink& into, const SqlTable& table) : sink_(into), table_(table) {
  check_rule(table.obstacle().empty(), "rows are written of tables whose columns are known");
  for (const SqlColumn& column : table.columns) layouts_.push_back(bcp_layout(column));
}

void BcpWriter::row(const model::Row& row) {
  check_rule(row.size() == table_.columns.size(), "a row has a value for each column");
  ++rows_;
  for (std::size_t i = 0; i < row.size(); ++i) {
    try {
      write_value(table_.columns[i], layouts_[i], row[i]);
    } catch (Error& error) {
      error.add_context(fmt::format("storing row {}, column {} of {}", rows_,
                                    table_.columns[i].name, table_.name.display()));
      throw;
    }
  }
}

void BcpWriter::finish() {
  give();
}

void BcpWriter::give() {
  if (!window_.empty()) sink_.write(window_);
  window_.clear();
}

void BcpWriter::write_bytes(ByteView bytes) {
  if (bytes.size() >= window_bytes) {
    give();
    return sink_.write(bytes);
  }
  append(window_, bytes);
  if (window_.size() >= window_bytes) give();
}

void BcpWriter::write_prefix(const SqlColumn& column, const BcpLayout& layout,
                             std::uint64_t bytes) {
  if (bytes < layout.bytes_min || bytes > layout.bytes_max)
    throw Error(Errc::unsupported,
                fmt::format("a value has {} bytes, which no {} has", bytes, column.declared()));
  for (unsigned i = 0; i < layout.prefix_bytes; ++i, bytes >>= 8U)
    window_.push_back(static_cast<std::byte>(bytes & 0xffU));
}

void BcpWriter::write_text(const SqlColumn& column, const BcpLayout& layout, const Value& value) {
  if (value.kind == ValueKind::bytes) {  // no UTF-16, as it is
    write_prefix(column, layout, value.text.size());
    return write_bytes(as_bytes(value.text));
  }
  if (value.kind != ValueKind::text)
    throw Error(Errc::unsupported, fmt::format("a {} is no {}", model::value_kind_name(value.kind),
                                               column.declared()));
  const std::size_t units = utf16_units(value.text);
  const bool is_filled_up = layout.prefix_bytes == 0 && units < column.length;
  write_prefix(column, layout, 2 * std::uint64_t{is_filled_up ? column.length : units});
  for (std::string_view rest = value.text; !rest.empty();) {
    const std::string_view piece = piece_of(rest);
    if (!append_utf16(window_, piece))
      throw Error(Errc::unsupported, "a text is neither UTF-8 nor marked as bytes");
    rest.remove_prefix(piece.size());
    if (window_.size() >= window_bytes) give();
  }
  for (std::size_t i = units; is_filled_up && i < column.length; ++i)
    static_cast<void>(append_utf16(window_, " "));
}

void BcpWriter::write_value(const SqlColumn& column, const BcpLayout& layout, const Value& value) {
  if (value.kind == ValueKind::null) {
    if (!column.is_nullable) throw Error(Errc::unsupported, "it is null, which it cannot be");
    window_.insert(window_.end(), layout.prefix_bytes,
                   layout.zero_is_null ? std::byte{0} : std::byte{0xff});
    return;
  }
  if (is_text(column.type)) return write_text(column, layout, value);
  if (is_bytes(column.type)) {
    if (value.kind != ValueKind::bytes)
      throw Error(
          Errc::unsupported,
          fmt::format("a {} is no {}", model::value_kind_name(value.kind), column.declared()));
    write_prefix(column, layout, value.text.size());
    return write_bytes(as_bytes(value.text));
  }
  stored_.clear();
  encode_bcp(stored_, column, value);
  write_prefix(column, layout, stored_.size());
  write_bytes(stored_);
}

}  // namespace holdfast::engine::sqlserver

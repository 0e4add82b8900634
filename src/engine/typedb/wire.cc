// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/wire.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

[[noreturn]] void refuse(std::uint32_t number, std::string_view why) {
  throw Error(Errc::corrupt, fmt::format("field {} {}", number, why));
}

}  // namespace

Varint read_long_varint(ByteView bytes) noexcept {
  Varint read;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[i]);
    if (i + 1 == varint_bytes_max && byte > 1) {
      read.too_large = true;
      return read;
    }
    read.value |= (byte & 0x7fU) << (7 * i);
    if (byte < 0x80) {
      read.size_bytes = i + 1;
      return read;
    }
  }
  return read;
}

std::string_view wire_type_name(WireType type) noexcept {
  switch (type) {
    case WireType::varint:
      return "a varint";
    case WireType::fixed64:
      return "eight bytes";
    case WireType::bytes:
      return "counted bytes";
    case WireType::fixed32:
      return "four bytes";
  }
  return "of no wire type";
}

void WireField::refuse_type(WireType wanted) const {
  refuse(number, fmt::format("is {} instead of {}", wire_type_name(type), wire_type_name(wanted)));
}

std::string_view WireField::text() const {
  const std::string_view read = as_text(message());
  if (!is_utf8(read)) refuse(number, "is no UTF-8");
  return read;
}

std::uint64_t WireField::varint() const {
  if (type != WireType::varint) refuse_type(WireType::varint);
  return value;
}

std::uint64_t WireField::fixed64() const {
  if (type != WireType::fixed64) refuse_type(WireType::fixed64);
  return value;
}

bool WireReader::next_of_any_form(WireField& field) {
  if (rest_.empty()) return false;
  const Varint tag = read_varint(rest_);
  if (tag.size_bytes == 0)
    throw Error(Errc::corrupt, "the tag of a field is cut short or too large");
  if (tag.value >> 3U == 0 || tag.value >> 32U != 0)
    throw Error(Errc::corrupt, fmt::format("{} is no tag of a field", tag.value));
  field.number = static_cast<std::uint32_t>(tag.value >> 3U);
  field.type = static_cast<WireType>(tag.value & 7U);
  field.bytes = {};
  rest_ = rest_.subspan(tag.size_bytes);
  const auto take_fixed = [&](std::size_t size_bytes) {
    if (rest_.size() < size_bytes) refuse(field.number, "is cut short");
    field.value = size_bytes == 8 ? load_le64(rest_.data()) : load_le32(rest_.data());
    rest_ = rest_.subspan(size_bytes);
  };
  switch (field.type) {
    case WireType::fixed64:
      take_fixed(8);
      return true;
    case WireType::fixed32:
      take_fixed(4);
      return true;
    case WireType::varint:
    case WireType::bytes:
      break;
    default:
      refuse(field.number, fmt::format("has the unknown wire type {}", tag.value & 7U));
  }
  const Varint read = read_varint(rest_);
  if (read.size_bytes == 0)
    refuse(field.number, read.too_large ? "is a number of more than 64 bits" : "is cut short");
  rest_ = rest_.subspan(read.size_bytes);
  field.value = read.value;
  if (field.type == WireType::varint) return true;
  if (read.value > rest_.size())
    refuse(field.number,
           fmt::format("says it has {} bytes where {} are left", read.value, rest_.size()));
  field.bytes = rest_.first(static_cast<std::size_t>(read.value));
  rest_ = rest_.subspan(field.bytes.size());
  return true;
}

}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
// The wire form of protobuf messages, as far as `.typedb` files need it: a walk over the fields of
// one message that lies in memory. Allocates nothing.
//
// Source: protobuf.dev, "Encoding" (varints, ZigZag, wire types 0, 1, 2 and 5; groups, types 3 and
// 4, occur in no message of proto3).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace holdfast::engine::typedb {

inline constexpr std::size_t varint_bytes_max = 10;

// The varint at the front of `bytes`. `size_bytes` is how many bytes it has: 0 if `bytes` ends
// within it, or if it has more than 64 bits.
struct Varint {
  std::uint64_t value = 0;
  std::size_t size_bytes = 0;
  bool too_large = false;
};
[[nodiscard]] Varint read_long_varint(ByteView bytes) noexcept;
// Nearly all of them have one byte.
[[nodiscard]] inline Varint read_varint(ByteView bytes) noexcept {
  if (!bytes.empty() && std::to_integer<std::uint8_t>(bytes.front()) < 0x80)
    return {std::to_integer<std::uint64_t>(bytes.front()), 1, false};
  return read_long_varint(bytes);
}

[[nodiscard]] constexpr std::int64_t zigzag(std::uint64_t wire) noexcept {
  return static_cast<std::int64_t>((wire >> 1U) ^ (~(wire & 1U) + 1U));
}

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
[[nodiscard]] std::string_view wire_type_name(WireType type) noexcept;

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;  // of varint, fixed64, fixed32; else none
  ByteView bytes;           // of bytes; a view into the message

  // The content, if the field is of that type; else Errc::corrupt naming the field.
  [[nodiscard]] std::uint64_t varint() const;
  [[nodiscard]] std::uint64_t fixed64() const;
  [[nodiscard]] ByteView message() const {
    if (type != WireType::bytes) refuse_type(WireType::bytes);
    return bytes;
  }
  // Well-formed UTF-8, else Errc::corrupt.
  [[nodiscard]] std::string_view text() const;

 private:
  [[noreturn]] void refuse_type(WireType wanted) const;
};

// Fields in the order they stand in.
class WireReader {
 public:
  explicit WireReader(ByteView message) : rest_(message) {}
  // False at the end. Errc::corrupt for a field that is cut short or of no known wire type.
  [[nodiscard]] bool next(WireField& field) {
    // Nearly all: a tag of one byte, and fewer than 128 counted bytes.
    if (rest_.size() >= 2) {
      const auto tag = std::to_integer<std::uint32_t>(rest_[0]);
      const auto size = std::to_integer<std::size_t>(rest_[1]);
      if ((tag & 0x87U) == 2 && tag > 7 && size < 0x80 && size <= rest_.size() - 2) {
        field.number = tag >> 3U;
        field.type = WireType::bytes;
        field.bytes = rest_.subspan(2, size);
        rest_ = rest_.subspan(2 + size);
        return true;
      }
    }
    return next_of_any_form(field);
  }

 private:
  bool next_of_any_form(WireField& field);

  ByteView rest_;
};

}  // namespace holdfast::engine::typedb

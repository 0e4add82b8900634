// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <array>
#include <bit>
#include <cstring>

namespace holdfast {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> values_of(std::string_view digits) {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    values[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> hex_values = [] {
  auto values = values_of(hex_digits);
  for (unsigned i = 0; i < 6; ++i) values['A' + i] = static_cast<std::uint8_t>(10 + i);
  return values;
}();
constexpr std::array<std::uint8_t, 256> base64_values = values_of(base64_digits);

std::uint8_t value_of(const std::array<std::uint8_t, 256>& values, char digit) noexcept {
  return values[static_cast<unsigned char>(digit)];
}

template <typename T>
T load_le(const std::byte* from) noexcept {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

constexpr bool is_continuation(unsigned char byte) noexcept {
  return (byte & 0xc0U) == 0x80U;
}

}  // namespace

std::uint32_t load_le32(const std::byte* from) noexcept {
  return load_le<std::uint32_t>(from);
}
std::uint64_t load_le64(const std::byte* from) noexcept {
  return load_le<std::uint64_t>(from);
}
std::uint32_t load_be32(const std::byte* from) noexcept {
  return __builtin_bswap32(load_le32(from));
}
std::uint64_t load_be64(const std::byte* from) noexcept {
  return __builtin_bswap64(load_le64(from));
}
void store_le32(std::byte* at, std::uint32_t value) noexcept {
  std::memcpy(at, &value, sizeof value);
}
void store_le64(std::byte* at, std::uint64_t value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

std::string to_hex(ByteView bytes) {
  std::string hex(bytes.size() * 2, '\0');
  std::size_t at = 0;
  for (const std::byte byte : bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    hex[at++] = hex_digits[value >> 4U];
    hex[at++] = hex_digits[value & 15U];
  }
  return hex;
}

bool read_hex(std::string_view hex, std::span<std::byte> into) noexcept {
  if (hex.size() != 2 * into.size()) return false;
  unsigned seen = 0;  // looked at only once, as there may be gigabytes of them
  for (std::size_t i = 0; i < into.size(); ++i) {
    const unsigned high = value_of(hex_values, hex[2 * i]);
    const unsigned low = value_of(hex_values, hex[2 * i + 1]);
    seen |= high | low;
    into[i] = static_cast<std::byte>((high << 4U | low) & 0xffU);
  }
  return seen < 16;
}

std::optional<Bytes> from_hex(std::string_view hex) {
  Bytes bytes(hex.size() / 2);
  if (!read_hex(hex, bytes)) return std::nullopt;
  return bytes;
}

std::string to_base64(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  const auto at = [&](std::size_t i) {
    return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0U;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = at(i) << 16U | at(i + 1) << 8U | at(i + 2);
    text += base64_digits[group >> 18U];
    text += base64_digits[group >> 12U & 63U];
    text += i + 1 < bytes.size() ? base64_digits[group >> 6U & 63U] : '=';
    text += i + 2 < bytes.size() ? base64_digits[group & 63U] : '=';
  }
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  if (text.ends_with("==")) {
    padding = 2;
  } else if (text.ends_with('=')) {
    padding = 1;
  }
  const std::string_view digits = text.substr(0, text.size() - padding);
  Bytes bytes(text.size() / 4 * 3 - padding);
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  std::size_t at = 0;
  for (const char digit : digits) {
    const std::uint32_t value = value_of(base64_values, digit);
    if (value == no_digit) return std::nullopt;
    bits = (bits << 6U | value) & 0xffffffU;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      bytes[at++] = static_cast<std::byte>(bits >> bit_count & 0xffU);
    }
  }
  // What is left over before the padding must be zero: each byte string has one form.
  if ((bits & ((1U << bit_count) - 1U)) != 0) return std::nullopt;
  return bytes;
}

Utf8Rune decode_utf8(std::string_view text) noexcept {
  constexpr Utf8Rune malformed{U'\ufffd', 0};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return malformed;
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t size_bytes = 0;
  char32_t rune = 0;
  char32_t smallest = 0;
  if ((first & 0xe0U) == 0xc0U) {
    size_bytes = 2;
    rune = first & 0x1fU;
    smallest = 0x80;
  } else if ((first & 0xf0U) == 0xe0U) {
    size_bytes = 3;
    rune = first & 0x0fU;
    smallest = 0x800;
  } else if ((first & 0xf8U) == 0xf0U) {
    size_bytes = 4;
    rune = first & 0x07U;
    smallest = 0x10000;
  } else {
    return malformed;
  }
  if (text.size() < size_bytes) return malformed;
  for (std::size_t i = 1; i < size_bytes; ++i) {
    if (!is_continuation(byte(i))) return malformed;
    rune = rune << 6U | (byte(i) & 0x3fU);
  }
  const bool is_surrogate = rune >= 0xd800 && rune <= 0xdfff;
  if (rune < smallest || rune > 0x10ffff || is_surrogate) return malformed;
  return {rune, size_bytes};
}

std::size_t ascii_prefix_bytes(std::string_view text) noexcept {
  std::size_t at = 0;
  for (std::uint64_t eight = 0; text.size() - at >= sizeof eight; at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

bool is_utf8(std::string_view text) noexcept {
  for (;;) {
    text.remove_prefix(ascii_prefix_bytes(text));
    if (text.empty()) return true;
    const Utf8Rune next = decode_utf8(text);
    if (next.size_bytes == 0) return false;
    text.remove_prefix(next.size_bytes);
  }
}

}  // namespace holdfast

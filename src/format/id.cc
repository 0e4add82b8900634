// SPDX-License-Identifier: Apache-2.0
// Ids: hashing content, and the text form. Parsing is on the hot path of index files.
#include "format/id.h"

#include <algorithm>
#include <array>

#include "base/sha256_lanes.h"

namespace holdfast::format {

namespace {

constexpr std::uint8_t not_a_digit = 0xff;

// The value of each lower-case hex digit.
constexpr std::array<std::uint8_t, 256> digit_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(not_a_digit);
  for (std::uint8_t digit = 0; digit < 10; ++digit) values['0' + std::size_t{digit}] = digit;
  for (std::uint8_t digit = 10; digit < 16; ++digit) values['a' + std::size_t{digit} - 10] = digit;
  return values;
}();

}  // namespace

bool Id::is_null() const noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

Id id_of(ByteView content) {
  return Id{sha256(content)};
}

std::vector<Id> ids_of(std::span<const ByteView> contents) {
  std::vector<Sha256Digest> digests(contents.size());
  sha256_each(contents, digests);
  std::vector<Id> ids;
  ids.reserve(digests.size());
  for (const Sha256Digest& digest : digests) ids.push_back({digest});
  return ids;
}

void append_hex(std::string& to, const Id& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<char, 2 * sizeof(id.bytes)> text;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(id.bytes[i]);
    text[2 * i] = digits[byte >> 4U];
    text[2 * i + 1] = digits[byte & 15U];
  }
  to.append(text.data(), text.size());
}

std::optional<Id> parse_id(std::string_view hex) noexcept {
  Id id;
  if (hex.size() != 2 * id.bytes.size()) return std::nullopt;
  unsigned seen = 0;  // of all digits together, so that there is one test and not sixty-four
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    const unsigned high = digit_values[static_cast<unsigned char>(hex[2 * i])];
    const unsigned low = digit_values[static_cast<unsigned char>(hex[2 * i + 1])];
    seen |= high | low;
    id.bytes[i] = static_cast<std::byte>((high << 4U | low) & 0xffU);
  }
  if (seen > 0xf) return std::nullopt;
  return id;
}

std::string_view blob_type_name(BlobType type) noexcept {
  return type == BlobType::tree ? "tree" : "data";
}

}  // namespace holdfast::format

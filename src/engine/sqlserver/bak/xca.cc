// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/xca.h"

#include <algorithm>
#include <cstring>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t symbols = 2 * xca_table_bytes;
constexpr std::size_t codes = std::size_t{1} << 15U;
constexpr std::uint32_t literals = 256;  // symbols below are bytes, those above are matches
constexpr std::size_t length_min = 3;

// The length of the code of a symbol: two in each byte, the lower half first.
unsigned length_of(const std::byte* lengths, std::size_t symbol) noexcept {
  return std::to_integer<unsigned>(lengths[symbol / 2]) >> (4 * (symbol % 2)) & 0xfU;
}

// The bits of a chunk, taken from its 16-bit words, the upper ones first, between which single
// bytes stand. What is behind the end is zeros.
class Bits {
 public:
  Bits(const std::byte* at, const std::byte* end) noexcept : at_(at), end_(end) {
    bits_ = word() << 16U;
    bits_ |= word();
  }
  [[nodiscard]] std::uint32_t peek(unsigned count) const noexcept { return bits_ >> (32U - count); }
  void drop(unsigned count) noexcept {
    bits_ <<= count;
    extra_ -= static_cast<int>(count);
    if (extra_ >= 0) return;
    bits_ |= word() << static_cast<unsigned>(-extra_);
    extra_ += 16;
  }
  [[nodiscard]] std::uint32_t byte() noexcept {
    if (at_ >= end_) return missing();
    return std::to_integer<std::uint32_t>(*at_++);
  }
  [[nodiscard]] std::uint32_t word() noexcept {
    if (end_ - at_ < 2) return missing();
    const auto value =
        std::to_integer<std::uint32_t>(at_[0]) | std::to_integer<std::uint32_t>(at_[1]) << 8U;
    at_ += 2;
    return value;
  }
  [[nodiscard]] const std::byte* at() const noexcept { return at_; }
  // More was taken from behind the end than the words that are read ahead.
  [[nodiscard]] bool is_past_end() const noexcept { return missing_ > 2; }

 private:
  std::uint32_t missing() noexcept {
    at_ = end_;
    ++missing_;
    return 0;
  }

  const std::byte* at_;
  const std::byte* end_;
  std::uint32_t bits_ = 0;  // the next ones are the uppermost
  int extra_ = 16;          // of them, beyond the 16 that are always there
  int missing_ = 0;
};

// Repeats `count` bytes from `distance` before `to`, which may overlap what they become. `room`
// bytes may be written.
void repeat(std::byte* to, std::size_t distance, std::size_t count, std::size_t room) noexcept {
  constexpr std::size_t step = 8;
  const std::byte* const from = to - distance;
  if (distance >= step && count + step <= room) {
    for (std::size_t i = 0; i < count; i += step) std::memcpy(to + i, from + i, step);
  } else if (distance == 1) {
    std::memset(to, std::to_integer<int>(*from), count);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

}  // namespace

bool is_xca_table(ByteView bytes) noexcept {
  if (bytes.size() < xca_table_bytes) return false;
  std::size_t space = 0;
  for (std::size_t symbol = 0; symbol < symbols; ++symbol) {
    const unsigned length = length_of(bytes.data(), symbol);
    if (length != 0) space += codes >> length;
  }
  return space == codes;
}

// Shorter codes come first, and among those of one length that of the smaller symbol.
bool XcaDecoder::build(const std::byte* lengths) noexcept {
  std::array<std::uint32_t, code_bits_max + 1> count{};
  for (std::size_t symbol = 0; symbol < symbols; ++symbol) ++count[length_of(lengths, symbol)];
  std::uint32_t code = 0, place = 0;
  for (unsigned length = 1; length <= code_bits_max; ++length) {
    first_[length] = code;
    at_[length] = place;
    code += count[length] << (code_bits_max - length);
    place += count[length];
    end_[length] = code;
  }
  if (code != codes) return false;
  std::array<std::uint32_t, code_bits_max + 1> next = at_;
  for (std::size_t symbol = 0; symbol < symbols; ++symbol)
    if (const unsigned length = length_of(lengths, symbol); length != 0)
      sorted_[next[length]++] = static_cast<std::uint16_t>(symbol);
  std::size_t filled = 0;
  for (unsigned length = 1; length <= short_bits; ++length) {
    const std::size_t each = std::size_t{1} << (short_bits - length);
    for (std::uint32_t i = at_[length]; i < at_[length] + count[length]; ++i, filled += each)
      std::fill_n(short_.begin() + static_cast<std::ptrdiff_t>(filled), each,
                  static_cast<std::uint16_t>(sorted_[i] << 4U | length));
  }
  std::fill(short_.begin() + static_cast<std::ptrdiff_t>(filled), short_.end(), std::uint16_t{0});
  return true;
}

// As an entry of short_.
std::uint16_t XcaDecoder::long_code(std::uint32_t next_bits) const noexcept {
  unsigned length = short_bits + 1;
  while (next_bits >= end_[length]) ++length;
  const std::uint32_t number = (next_bits - first_[length]) >> (code_bits_max - length);
  return static_cast<std::uint16_t>(sorted_[at_[length] + number] << 4U | length);
}

XcaDecoder::Result XcaDecoder::unpack(ByteView chunk, std::span<std::byte> into) noexcept {
  if (chunk.size() < xca_table_bytes || !build(chunk.data())) return {0, 0, "its codes are none"};
  Bits bits(chunk.data() + xca_table_bytes, chunk.data() + chunk.size());
  std::size_t made = 0;
  while (made < into.size()) {
    std::uint16_t entry = short_[bits.peek(short_bits)];
    if (entry == 0) entry = long_code(bits.peek(code_bits_max));
    bits.drop(entry & 0xfU);
    if (bits.is_past_end()) return {made, 0, "it ends too early"};
    const std::uint32_t symbol = entry >> 4U;
    if (symbol < literals) {
      into[made++] = static_cast<std::byte>(symbol);
      continue;
    }
    std::size_t length = symbol & 0xfU;
    if (length == 15) {
      length += bits.byte();
      if (length == 15 + 255) {
        length = bits.word();
        if (length < 15) return {made, 0, "a length is too small for its form"};
      }
    }
    length += length_min;
    const unsigned distance_bits = (symbol - literals) >> 4U;
    std::size_t distance = std::size_t{1} << distance_bits;
    if (distance_bits != 0) {
      distance += bits.peek(distance_bits);
      bits.drop(distance_bits);
    }
    if (distance > made) return {made, 0, "it repeats what is in front of its beginning"};
    if (length > into.size() - made) return {made, 0, "it is longer than told"};
    repeat(into.data() + made, distance, length, into.size() - made);
    made += length;
  }
  return {made, static_cast<std::size_t>(bits.at() - chunk.data()), nullptr};
}

}  // namespace holdfast::engine::sqlserver

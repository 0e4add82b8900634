// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/checks.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t sector_bytes = 512;
constexpr std::size_t page_checksum_at = 60;

// As load_le32(), in a form that is made part of a loop.
std::uint32_t word_at(const std::byte* from) noexcept {
  const auto byte = [&](std::size_t i) { return std::to_integer<std::uint32_t>(from[i]); };
  return byte(0) | byte(1) << 8U | byte(2) << 16U | byte(3) << 24U;
}

// Of each 32nd word, by exclusive or: a word that was turned 32 times stands where it stood.
using Lanes = std::array<std::uint32_t, 32>;

// Of all in front of the last 127 bytes or fewer, which are left.
Lanes take_lanes(ByteView& bytes) noexcept {
  Lanes lanes{};
  std::size_t at = 0;
  for (; at + sizeof lanes <= bytes.size(); at += sizeof lanes)
    for (std::size_t k = 0; k < lanes.size(); ++k) lanes[k] ^= word_at(bytes.data() + at + 4 * k);
  bytes = bytes.subspan(at);
  return lanes;
}

}  // namespace

std::uint16_t xor16(ByteView bytes) noexcept {
  unsigned value = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) value ^= load_le16(bytes.data() + i);
  return static_cast<std::uint16_t>(value);
}

void Xor32::add(ByteView bytes) noexcept {
  std::size_t i = 0;
  const auto one = [&] {
    value_ ^= std::to_integer<std::uint32_t>(bytes[i++]) << (8 * at_);
    at_ = (at_ + 1) % 4;
  };
  while (at_ != 0 && i < bytes.size()) one();
  bytes = bytes.subspan(std::exchange(i, 0));
  for (const std::uint32_t lane : take_lanes(bytes)) value_ ^= lane;
  for (; i + 4 <= bytes.size(); i += 4) value_ ^= word_at(bytes.data() + i);
  while (i < bytes.size()) one();
}

std::uint32_t turning_xor(ByteView bytes) noexcept {
  TurningXor sum;
  sum.add(bytes);
  return sum.value();
}

void TurningXor::add(ByteView bytes) noexcept {
  std::size_t i = 0;
  const auto one = [&] {
    word_ |= std::to_integer<std::uint32_t>(bytes[i++]) << (8 * at_);
    at_ = (at_ + 1) % 4;
    if (at_ != 0) return;
    value_ = std::rotl(value_, 1) ^ word_;
    word_ = 0;
  };
  while (at_ != 0 && i < bytes.size()) one();
  bytes = bytes.subspan(std::exchange(i, 0));
  const Lanes lanes = take_lanes(bytes);
  std::uint32_t value = value_;
  for (unsigned k = 0; k < lanes.size(); ++k)
    value ^= std::rotl(lanes[k], static_cast<int>(lanes.size() - 1 - k));
  for (; i + 4 <= bytes.size(); i += 4) value = std::rotl(value, 1) ^ word_at(bytes.data() + i);
  value_ = value;
  while (i < bytes.size()) one();
}

std::uint32_t TurningXor::value() const noexcept {
  return at_ == 0 ? value_ : std::rotl(value_, 1) ^ word_;
}

std::uint32_t page_checksum(const std::byte* page) noexcept {
  std::uint32_t value = 0;
  for (int sector = 0; sector < 16; ++sector, page += sector_bytes) {
    std::uint64_t words = 0;
    for (std::size_t i = 0; i < sector_bytes; i += sizeof words) {
      std::uint64_t two = 0;  // both halves are turned alike
      std::memcpy(&two, page + i, sizeof two);
      words ^= two;
    }
    auto both = static_cast<std::uint32_t>(words ^ words >> 32U);
    if (sector == 0) both ^= load_le32(page + page_checksum_at);
    value ^= std::rotl(both, 15 - sector);
  }
  return value;
}

}  // namespace holdfast::engine::sqlserver

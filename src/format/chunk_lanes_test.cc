// SPDX-License-Identifier: Apache-2.0
// Whatever is found in lanes is what one fingerprint after the other finds.
#include "format/chunk_lanes.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace holdfast::format {
namespace {

constexpr Polynomial polynomial = 0x3da3358b4dc173;

std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xffU);
  return bytes;
}

// Each window by itself, from its 64 bytes.
std::size_t scan_one_by_one(const std::byte* data, std::size_t begin, std::size_t end,
                            unsigned mask_bits, const ChunkTables& tables) {
  const std::uint64_t mask = (std::uint64_t{1} << mask_bits) - 1;
  for (; begin != end; ++begin) {
    std::uint64_t d = 0;
    for (const std::byte* at = data + begin - chunk_window_bytes; at != data + begin; ++at)
      d = (d << 8U | std::to_integer<std::uint64_t>(*at)) ^ tables.mod[d >> 45U];
    if ((d & mask) == 0) break;
  }
  return begin;
}

class ChunkLanes : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_chunk_lanes()) GTEST_SKIP() << "this processor has no AVX-512 with GFNI";
  }
};

TEST_F(ChunkLanes, FindWhatOneWindowAfterTheOtherFinds) {
  const ChunkTables tables(polynomial);
  for (const unsigned mask_bits : {1U, 5U, 8U, 12U, 14U, 16U, 20U, 21U}) {
    for (const std::size_t stretch : {8U, 64U, 72U, 256U, 1024U}) {
      const std::size_t begin = chunk_window_bytes + 3 * mask_bits + stretch / 7;
      const std::size_t end = begin + chunk_lane_count * stretch;
      // Of exactly the size that may be read, so that a sanitizer sees one byte more.
      const auto data = random_bytes(end, mask_bits * 10'000 + stretch);
      EXPECT_EQ(scan_in_lanes(data.data(), begin, stretch, mask_bits, tables),
                scan_one_by_one(data.data(), begin, end, mask_bits, tables))
          << mask_bits << " bits, stretches of " << stretch;
    }
  }
}

// Bytes that repeat make all lanes, or none, find something at once.
TEST_F(ChunkLanes, FindTheFirstOfMany) {
  const ChunkTables tables(polynomial);
  for (const int value : {0x00, 0x01, 0x80, 0xff}) {
    const std::vector<std::byte> data(64 + 64 * 64, static_cast<std::byte>(value));
    EXPECT_EQ(scan_in_lanes(data.data(), 64, 64, 8, tables),
              scan_one_by_one(data.data(), 64, data.size(), 8, tables))
        << value;
  }
  // Only the last position of all.
  auto data = random_bytes(64 + 64 * 8, 1);
  while (scan_one_by_one(data.data(), 64, data.size(), 20, tables) != data.size())
    data = random_bytes(data.size(), std::to_integer<std::uint64_t>(data[0]) + 2);
  EXPECT_EQ(scan_in_lanes(data.data(), 64, 8, 20, tables), data.size());
}

}  // namespace
}  // namespace holdfast::format

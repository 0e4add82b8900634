// SPDX-License-Identifier: Apache-2.0
// Whatever is found in lanes is what one fingerprint after the other finds.
#include "format/chunk_lanes.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <set>
#include <vector>

namespace holdfast::format {
namespace {

constexpr Polynomial polynomial = 0x3da3358b4dc173;

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

// Memory whose end is the end of a page behind which nothing may be read.
class Guarded {
 public:
  explicit Guarded(std::size_t size_bytes) : size_bytes_(size_bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    mapped_bytes_ = (size_bytes + page - 1) / page * page + page;
    memory_ =
        ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* const end = static_cast<std::byte*>(memory_) + mapped_bytes_ - page;
    EXPECT_EQ(::mprotect(end, page, PROT_NONE), 0);
    data_ = end - size_bytes;
  }
  ~Guarded() { ::munmap(memory_, mapped_bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  void fill(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (std::size_t i = 0; i < size_bytes_; ++i)
      data_[i] = static_cast<std::byte>(random() & 0xffU);
  }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }

 private:
  std::size_t size_bytes_, mapped_bytes_ = 0;
  void* memory_ = nullptr;
  std::byte* data_ = nullptr;
};

TEST_F(ChunkLanes, FindWhatOneWindowAfterTheOtherFinds) {
  const ChunkTables tables(polynomial);
  for (const unsigned mask_bits : {1U, 5U, 8U, 12U, 14U, 16U, 20U, 21U}) {
    for (const std::size_t stretch : {8U, 64U, 72U, 256U, 1024U}) {
      const std::size_t begin = chunk_window_bytes + 3 * mask_bits + stretch / 7;
      const std::size_t end = begin + chunk_lane_count * stretch;
      Guarded data(end);
      data.fill(mask_bits * 10'000 + stretch);
      EXPECT_EQ(scan_in_lanes(data.data(), begin, stretch, mask_bits, tables),
                scan_one_by_one(data.data(), begin, end, mask_bits, tables))
          << mask_bits << " bits, stretches of " << stretch;
    }
  }
}

// Few bits and short stretches: the first one found is in each lane at some time, and often another
// lane finds something earlier in its own stretch.
TEST_F(ChunkLanes, FindTheFirstInWhicheverLaneItIs) {
  const ChunkTables tables(polynomial);
  constexpr std::size_t stretch = 8;
  constexpr std::size_t end = chunk_window_bytes + chunk_lane_count * stretch;
  Guarded data(end);
  std::set<std::size_t> found;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    data.fill(seed);
    const std::size_t expected = scan_one_by_one(data.data(), chunk_window_bytes, end, 8, tables);
    ASSERT_EQ(scan_in_lanes(data.data(), chunk_window_bytes, stretch, 8, tables), expected) << seed;
    found.insert(expected - chunk_window_bytes);
  }
  EXPECT_EQ(found.size(), chunk_lane_count * stretch + 1) << "each position, and none";
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
}

}  // namespace
}  // namespace holdfast::format

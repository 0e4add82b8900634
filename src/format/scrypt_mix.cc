// SPDX-License-Identifier: Apache-2.0
// ROMix over Salsa20/8, a lane on each core.
#include "format/scrypt_mix.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "base/secret.h"

namespace holdfast::format {
namespace {

using Block = std::array<std::uint32_t, 16>;
constexpr std::size_t block_bytes = 64;

// The sixteen words of a block go through registers one by one on purpose: four of them in one
// vector would halve the instructions, but then each waits for the one before it, which costs more
// on processors that take two cycles for what they do to a vector.
void quarter_round(Block& x, std::size_t a, std::size_t b, std::size_t c, std::size_t d) noexcept {
  x[b] ^= std::rotl(x[a] + x[d], 7);
  x[c] ^= std::rotl(x[b] + x[a], 9);
  x[d] ^= std::rotl(x[c] + x[b], 13);
  x[a] ^= std::rotl(x[d] + x[c], 18);
}

// Replaces x by its Salsa20/8.
void salsa(Block& x) noexcept {
  Block at = x;
  for (int i = 0; i < 4; ++i) {
    quarter_round(at, 0, 4, 8, 12);
    quarter_round(at, 5, 9, 13, 1);
    quarter_round(at, 10, 14, 2, 6);
    quarter_round(at, 15, 3, 7, 11);
    quarter_round(at, 0, 1, 2, 3);
    quarter_round(at, 5, 6, 7, 4);
    quarter_round(at, 10, 11, 8, 9);
    quarter_round(at, 15, 12, 13, 14);
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += at[i];
}

void mix_in(Block& x, const Block& y) noexcept {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] ^= y[i];
}

// BlockMix of 2 * r blocks; `to` lies elsewhere.
void mix_blocks(const Block* from, Block* to, std::size_t r) noexcept {
  Block last = from[2 * r - 1];
  for (std::size_t i = 0; i < 2 * r; ++i) {
    mix_in(last, from[i]);
    salsa(last);
    to[i / 2 + (i % 2) * r] = last;
  }
}

// The same of from ^ with.
void mix_blocks(const Block* from, const Block* with, Block* to, std::size_t r) noexcept {
  // Which of the steps it would be was not known before: all that is needed of it is asked for now.
  for (std::size_t i = 0; i < 2 * r; ++i) __builtin_prefetch(with + i);
  Block last = from[2 * r - 1];
  mix_in(last, with[2 * r - 1]);
  for (std::size_t i = 0; i < 2 * r; ++i) {
    mix_in(last, from[i]);
    mix_in(last, with[i]);
    salsa(last);
    to[i / 2 + (i % 2) * r] = last;
  }
}

// The lower half of the number that the last block begins with, which is all that matters: n is at
// most 2^32.
std::uint64_t number_of(const Block* blocks, std::size_t r) noexcept {
  return blocks[2 * r - 1][0];
}

// Memory for the steps of one lane, from the system and back to it, so that no other part of this
// process is ever given what was in it. Large pages, where the system has them, save a tenth.
class Steps {
 public:
  explicit Steps(std::size_t size_bytes) : size_bytes_(size_bytes) {
    memory_ =
        ::mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) throw system_error(errno, "getting memory to derive a key");
    static_cast<void>(::madvise(memory_, size_bytes_, MADV_HUGEPAGE));
  }
  ~Steps() { ::munmap(memory_, size_bytes_); }
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  [[nodiscard]] Block* blocks() const noexcept { return static_cast<Block*>(memory_); }

 private:
  void* memory_;
  std::size_t size_bytes_;
};

// What one thread needs to mix lanes, one after the other.
class Mixer {
 public:
  Mixer(std::uint64_t n, std::uint32_t r)
      : n_(n),
        r_(r),
        steps_(static_cast<std::size_t>(n * r * 2 * block_bytes)),
        x_(2 * r_),
        y_(2 * r_) {}
  ~Mixer() {
    wipe(x_.data(), x_.size() * block_bytes);
    wipe(y_.data(), y_.size() * block_bytes);
  }
  Mixer(const Mixer&) = delete;
  Mixer& operator=(const Mixer&) = delete;

  void mix(std::byte* lane) noexcept {
    static_assert(std::endian::native == std::endian::little);
    const std::size_t width = 2 * r_;
    Block* const steps = steps_.blocks();
    std::memcpy(steps, lane, width * block_bytes);
    for (std::size_t i = 1; i < n_; ++i) {
      mix_blocks(steps + (i - 1) * width, steps + i * width, r_);
    }
    mix_blocks(steps + (n_ - 1) * width, x_.data(), r_);
    for (std::size_t i = 0; i < n_; i += 2) {  // n is even
      mix_blocks(x_.data(), steps + (number_of(x_.data(), r_) & (n_ - 1)) * width, y_.data(), r_);
      mix_blocks(y_.data(), steps + (number_of(y_.data(), r_) & (n_ - 1)) * width, x_.data(), r_);
    }
    std::memcpy(lane, x_.data(), width * block_bytes);
  }

 private:
  std::size_t n_;
  std::size_t r_;
  Steps steps_;
  std::vector<Block> x_;
  std::vector<Block> y_;
};

}  // namespace

std::size_t mixing_threads(std::size_t lanes, std::uint64_t n, std::uint32_t r,
                           unsigned cores) noexcept {
  const std::uint64_t affordable = mix_memory_max / (2 * block_bytes * r) / n;
  return std::max<std::size_t>(std::min<std::uint64_t>({cores, lanes, affordable}), 1);
}

void mix_lanes(std::span<std::byte> lanes, std::uint64_t n, std::uint32_t r, unsigned cores) {
  check_rule(std::has_single_bit(n) && n >= 2 && n <= std::uint64_t{1} << 32U && r > 0 &&
                 !lanes.empty() && lanes.size() % (2 * block_bytes * r) == 0,
             "scrypt mixes whole lanes with a cost it allows");
  const std::size_t lane_bytes = 2 * block_bytes * r;
  const std::size_t count = lanes.size() / lane_bytes;
  std::atomic<std::size_t> next = 0;
  const auto mix_some = [&] {
    Mixer mixer(n, r);
    for (std::size_t lane = next++; lane < count; lane = next++) {
      mixer.mix(lanes.data() + lane * lane_bytes);
    }
  };
  Crew crew;
  for (std::size_t i = mixing_threads(count, n, r, cores); i > 1; --i) {
    crew.start([&](const std::stop_token&) { mix_some(); });
  }
  mix_some();
  crew.join();
}

}  // namespace holdfast::format

// SPDX-License-Identifier: Apache-2.0
// Two lanes of SHA-256 by x86's SHA extensions; OpenSSL, one by one, where there are none.
//
// Source: FIPS 180-4, sections 4.2.2, 5 and 6.2; Intel 64 and IA-32 manual, volume 2, SHA256RNDS2,
// SHA256MSG1 and SHA256MSG2 (state in two words: A B E F and C D G H).
#include "base/sha256_lanes.h"

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>
#endif

namespace holdfast {

namespace {

#if defined(__x86_64__)

constexpr std::size_t block_bytes = 64;

alignas(16) constexpr std::array<std::uint32_t, 64> round_constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// In the order of the state's words: F E B A, H G D C.
alignas(16) constexpr std::array<std::uint32_t, 8> initial_state{
    0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372};

__m128i four_words(const std::uint32_t* words) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(words));
}

struct State {
  __m128i abef = four_words(initial_state.data());
  __m128i cdgh = four_words(initial_state.data() + 4);
};

#define HOLDFAST_SHA __attribute__((target("sha,sse4.1,ssse3"), always_inline)) inline

// A block of one lane on its way through the rounds.
struct Rounds {
  State state;
  __m128i words[4];  // no std::array: a vector type loses its attributes there
};

HOLDFAST_SHA void load(Rounds& lane, const State& state, const std::byte* block) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  lane.state = state;
  for (std::size_t i = 0; i < 4; ++i) {
    lane.words[i] =
        _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * i)), swap);
  }
}

// Rounds 4 * step to 4 * step + 3.
template <std::size_t step>
HOLDFAST_SHA void four_rounds(Rounds& lane) {
  __m128i& word = lane.words[step % 4];
  if constexpr (step >= 4) {
    const __m128i before = lane.words[(step + 3) % 4];
    word = _mm_sha256msg1_epu32(word, lane.words[(step + 1) % 4]);
    word = _mm_add_epi32(word, _mm_alignr_epi8(before, lane.words[(step + 2) % 4], 4));
    word = _mm_sha256msg2_epu32(word, before);
  }
  const __m128i input = _mm_add_epi32(word, four_words(round_constants.data() + 4 * step));
  State& state = lane.state;
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, input);
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(input, 0x0e));
}

HOLDFAST_SHA void add(State& state, const Rounds& lane) {
  state.abef = _mm_add_epi32(state.abef, lane.state.abef);
  state.cdgh = _mm_add_epi32(state.cdgh, lane.state.cdgh);
}

template <std::size_t... steps>
HOLDFAST_SHA void all_rounds(Rounds& a, Rounds& b, std::index_sequence<steps...>) {
  ((four_rounds<steps>(a), four_rounds<steps>(b)), ...);
}

template <std::size_t... steps>
HOLDFAST_SHA void all_rounds(Rounds& a, std::index_sequence<steps...>) {
  (four_rounds<steps>(a), ...);
}

// `count` blocks of two messages, in step.
__attribute__((target("sha,sse4.1,ssse3"))) void compress_two(State& a, const std::byte* a_blocks,
                                                              State& b, const std::byte* b_blocks,
                                                              std::size_t count) {
  for (; count != 0; --count, a_blocks += block_bytes, b_blocks += block_bytes) {
    Rounds a_lane;
    Rounds b_lane;
    load(a_lane, a, a_blocks);
    load(b_lane, b, b_blocks);
    all_rounds(a_lane, b_lane, std::make_index_sequence<16>());
    add(a, a_lane);
    add(b, b_lane);
  }
}

__attribute__((target("sha,sse4.1,ssse3"))) void compress_one(State& state, const std::byte* blocks,
                                                              std::size_t count) {
  for (; count != 0; --count, blocks += block_bytes) {
    Rounds lane;
    load(lane, state, blocks);
    all_rounds(lane, std::make_index_sequence<16>());
    add(state, lane);
  }
}

// One message on its way through a lane: whole blocks from where it lies, then its padded end.
class Lane {
 public:
  void begin(ByteView message, Sha256Digest& digest) {
    state_ = State();
    digest_ = &digest;
    at_ = message.data();
    blocks_ = message.size() / block_bytes;
    const ByteView rest = message.subspan(blocks_ * block_bytes);
    tail_.fill(std::byte{0});
    if (!rest.empty()) std::memcpy(tail_.data(), rest.data(), rest.size());
    tail_[rest.size()] = std::byte{0x80};
    tail_blocks_ = rest.size() + 9 > block_bytes ? 2 : 1;
    std::uint64_t bits = message.size() * 8;
    for (std::size_t i = 1; i <= 8; ++i, bits >>= 8U) {
      tail_[tail_blocks_ * block_bytes - i] = static_cast<std::byte>(bits & 0xffU);
    }
    settle();
  }
  [[nodiscard]] bool is_busy() const noexcept { return digest_ != nullptr; }
  [[nodiscard]] std::size_t blocks() const noexcept { return blocks_; }

  static void run(Lane& a, Lane& b, std::size_t count) {
    compress_two(a.state_, a.at_, b.state_, b.at_, count);
    a.pass(count);
    b.pass(count);
  }
  void run(std::size_t count) {
    compress_one(state_, at_, count);
    pass(count);
  }

 private:
  void pass(std::size_t count) {
    at_ += count * block_bytes;
    blocks_ -= count;
    settle();
  }
  // Goes on with the end of the message, or hands out the digest.
  void settle() {
    if (blocks_ != 0) return;
    if (tail_blocks_ != 0) {
      at_ = tail_.data();
      blocks_ = tail_blocks_;
      tail_blocks_ = 0;
      return;
    }
    alignas(16) std::array<std::uint32_t, 8> words;  // F E B A, H G D C
    _mm_store_si128(reinterpret_cast<__m128i*>(words.data()), state_.abef);
    _mm_store_si128(reinterpret_cast<__m128i*>(words.data() + 4), state_.cdgh);
    constexpr std::array<std::size_t, 8> order{3, 2, 7, 6, 1, 0, 5, 4};  // A to H
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::uint32_t word = __builtin_bswap32(words[order[i]]);
      std::memcpy(digest_->data() + 4 * i, &word, sizeof word);
    }
    digest_ = nullptr;
  }

  State state_;
  Sha256Digest* digest_ = nullptr;
  const std::byte* at_ = nullptr;
  std::size_t blocks_ = 0;
  std::size_t tail_blocks_ = 0;
  std::array<std::byte, 2 * block_bytes> tail_;
};

bool has_sha_extensions() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_SSE4_1) == 0 || (c & bit_SSSE3) == 0)
    return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

void hash_in_lanes(std::span<const ByteView> messages, std::span<Sha256Digest> digests) {
  Lane first;
  Lane second;
  std::size_t next = 0;
  const auto fill = [&](Lane& lane) {
    if (lane.is_busy() || next == messages.size()) return;
    lane.begin(messages[next], digests[next]);
    ++next;
  };
  for (;;) {
    fill(first);
    fill(second);
    if (!first.is_busy() && !second.is_busy()) return;
    if (first.is_busy() && second.is_busy()) {
      Lane::run(first, second, std::min(first.blocks(), second.blocks()));
    } else {
      Lane& only = first.is_busy() ? first : second;
      only.run(only.blocks());
    }
  }
}

#endif

}  // namespace

void sha256_each(std::span<const ByteView> messages, std::span<Sha256Digest> digests) {
  check_rule(messages.size() == digests.size(), "each message has room for its digest");
#if defined(__x86_64__)
  static const bool in_lanes = has_sha_extensions();
  if (in_lanes && messages.size() > 1) return hash_in_lanes(messages, digests);
#endif
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = sha256(messages[i]);
}

}  // namespace holdfast

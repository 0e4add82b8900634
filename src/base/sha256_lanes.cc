// SPDX-License-Identifier: Apache-2.0
// Four lanes of SHA-256 by x86's SHA extensions; OpenSSL, one by one, where there are none.
//
// Source: FIPS 180-4, sections 4.2.2, 5 and 6.2; Intel 64 and IA-32 manual, volume 2, SHA256RNDS2,
// SHA256MSG1 and SHA256MSG2 (state in two words: A B E F and C D G H).
#include "base/sha256_lanes.h"

#include "base/error.h"
#include "base/upper_halves.h"

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

// The words of rounds 4 * step to 4 * step + 3, with their constants.
template <std::size_t step>
HOLDFAST_SHA __m128i words_of(Rounds& lane) {
  __m128i& word = lane.words[step % 4];
  if constexpr (step >= 4) {
    const __m128i before = lane.words[(step + 3) % 4];
    word = _mm_sha256msg1_epu32(word, lane.words[(step + 1) % 4]);
    word = _mm_add_epi32(word, _mm_alignr_epi8(before, lane.words[(step + 2) % 4], 4));
    word = _mm_sha256msg2_epu32(word, before);
  }
  return _mm_add_epi32(word, four_words(round_constants.data() + 4 * step));
}

HOLDFAST_SHA void first_rounds(State& state, __m128i words) {
  state.cdgh = _mm_sha256rnds2_epu32(state.cdgh, state.abef, words);
}

HOLDFAST_SHA void last_rounds(State& state, __m128i words) {
  state.abef = _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32(words, 0x0e));
}

// Each step for all lanes before the next, which waits for it.
template <std::size_t step, std::size_t... lane>
HOLDFAST_SHA void four_rounds(Rounds* lanes, std::index_sequence<lane...> /*all*/) {
  const __m128i words[] = {words_of<step>(lanes[lane])...};
  (first_rounds(lanes[lane].state, words[lane]), ...);
  (last_rounds(lanes[lane].state, words[lane]), ...);
}

template <std::size_t... steps, std::size_t... lane>
HOLDFAST_SHA void all_rounds(Rounds* lanes, std::index_sequence<steps...> /*all*/,
                             std::index_sequence<lane...> all) {
  (four_rounds<steps>(lanes, all), ...);
}

HOLDFAST_SHA void add(State& state, const Rounds& lane) {
  state.abef = _mm_add_epi32(state.abef, lane.state.abef);
  state.cdgh = _mm_add_epi32(state.cdgh, lane.state.cdgh);
}

// `count` blocks of each of several messages, in step.
template <std::size_t... lane>
__attribute__((target("sha,sse4.1,ssse3"))) void compress(State* const* states,
                                                          const std::byte* const* blocks,
                                                          std::size_t count,
                                                          std::index_sequence<lane...> all) {
  for (std::size_t offset = 0; count != 0; --count, offset += block_bytes) {
    Rounds lanes[sizeof...(lane)];
    (load(lanes[lane], *states[lane], blocks[lane] + offset), ...);
    all_rounds(lanes, std::make_index_sequence<16>(), all);
    (add(*states[lane], lanes[lane]), ...);
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

  // As many blocks of each of these as all of them have.
  template <std::size_t size>
  static void run(const std::array<Lane*, size>& lanes) {
    std::array<State*, size> states;
    std::array<const std::byte*, size> blocks;
    std::size_t count = SIZE_MAX;
    for (std::size_t i = 0; i < size; ++i) {
      states[i] = &lanes[i]->state_;
      blocks[i] = lanes[i]->at_;
      count = std::min(count, lanes[i]->blocks_);
    }
    forget_upper_halves();
    compress(states.data(), blocks.data(), count, std::make_index_sequence<size>());
    for (Lane* lane : lanes) lane->pass(count);
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
  std::array<Lane, 4> lanes;
  std::size_t next = 0;
  for (;;) {
    std::array<Lane*, lanes.size()> busy{};
    std::size_t count = 0;
    for (Lane& lane : lanes) {
      if (!lane.is_busy() && next != messages.size()) {
        lane.begin(messages[next], digests[next]);
        ++next;
      }
      if (lane.is_busy()) busy[count++] = &lane;
    }
    if (count == 0) return;
    if (count == lanes.size()) {
      Lane::run(busy);
    } else if (count > 1) {
      Lane::run(std::array{busy[0], busy[1]});
    } else {
      Lane::run(std::array{busy[0]});
    }
  }
}

#endif

// Whether messages are hashed in lanes here.
bool in_lanes() {
#if defined(__x86_64__)
  static const bool has = has_sha_extensions();
  return has;
#else
  return false;
#endif
}

}  // namespace

void sha256_each(std::span<const ByteView> messages, std::span<Sha256Digest> digests) {
  check_rule(messages.size() == digests.size(), "each message has room for its digest");
#if defined(__x86_64__)
  if (in_lanes() && messages.size() > 1) return hash_in_lanes(messages, digests);
#endif
  for (std::size_t i = 0; i < messages.size(); ++i) digests[i] = sha256(messages[i]);
}

struct Sha256Beside::State {
  ByteView message;
#if defined(__x86_64__)
  Lane own, others;
  Sha256Digest digest{};  // of the message
#endif
};

Sha256Beside::Sha256Beside(ByteView message) : state_(std::make_unique<State>()) {
  state_->message = message;
#if defined(__x86_64__)
  if (in_lanes()) state_->own.begin(message, state_->digest);
#endif
}

Sha256Beside::~Sha256Beside() = default;

Sha256Digest Sha256Beside::other(ByteView message) {
#if defined(__x86_64__)
  if (in_lanes()) {
    Sha256Digest digest;
    Lane& others = state_->others;
    others.begin(message, digest);
    while (others.is_busy()) {
      if (state_->own.is_busy()) {
        Lane::run(std::array{&state_->own, &others});
      } else {
        Lane::run(std::array{&others});
      }
    }
    return digest;
  }
#endif
  return sha256(message);
}

Sha256Digest Sha256Beside::finish() {
#if defined(__x86_64__)
  if (in_lanes()) {
    while (state_->own.is_busy()) Lane::run(std::array{&state_->own});
    return state_->digest;
  }
#endif
  return sha256(state_->message);
}

}  // namespace holdfast

// SPDX-License-Identifier: Apache-2.0
#include "format/scrypt_mix.h"

#include <gtest/gtest.h>

#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"

namespace holdfast::format {
namespace {

TEST(ScryptMix, MixesTheVectorOfTheRfc) {  // RFC 7914 section 10
  Bytes lane = from_hex(
                   "f7ce0b653d2d72a4108cf5abe912ffdd777616dbbb27a70e8204f3ae2d0f6fad"
                   "89f68f4811d1e87bcc3bd7400a9ffd29094f0184639574f39ae5a1315217bcd7"
                   "894991447213bb226c25b54da86370fbcd984380374666bb8ffcb5bf40c254b0"
                   "67d27c51ce4ad5fed829c90b505a571b7f4d1cad6a523cda770e67bceaaf7e89")
                   .value();
  mix_lanes(lane, 16, 1, 1);
  EXPECT_EQ(to_hex(lane),
            "79ccc193629debca047f0b70604bf6b62ce3dd4a9626e355fafc6198e6ea2b46"
            "d58413673b99b029d665c357601fb426a0b2f4bba200ee9f0a43d19b571a9c71"
            "ef1142e65d5a266fddca832ce59faa7cac0b9cf1be2bffca300d01ee387619c4"
            "ae12fd4438f203a0e4e1c47ec314861f4e9087cb33396a6873e8f9d2539a4b8e");
}

TEST(ScryptMix, MixesEachLaneForItselfOnAnyNumberOfCores) {
  constexpr std::uint32_t r = 3;
  constexpr std::size_t lane_bytes = std::size_t{128} * r;
  Bytes lanes(7 * lane_bytes);
  fill_random(lanes);
  Bytes wanted = lanes;
  for (std::size_t at = 0; at < wanted.size(); at += lane_bytes) {
    mix_lanes(std::span(wanted).subspan(at, lane_bytes), 64, r, 1);
  }
  for (const unsigned cores : {1U, 2U, 3U, 7U, 100U}) {
    Bytes mixed = lanes;
    mix_lanes(mixed, 64, r, cores);
    EXPECT_EQ(mixed, wanted) << cores << " cores";
  }
}

TEST(ScryptMix, TakesAsManyCoresAsMemoryAllows) {
  EXPECT_EQ(mixing_threads(8, 32768, 8, 2), 2U);
  EXPECT_EQ(mixing_threads(1, 32768, 8, 2), 1U);
  EXPECT_EQ(mixing_threads(10, 32768, 8, 64), 8U);     // of 32 MiB each
  EXPECT_EQ(mixing_threads(4, 1U << 20U, 8, 64), 1U);  // of 1 GiB
  EXPECT_EQ(mixing_threads(4, 128, 1, 0), 1U);
}

TEST(ScryptMix, RefusesWhatScryptDoesNotKnow) {
  Bytes lanes(256);
  for (const std::uint64_t n : {0U, 1U, 3U, 6U}) {
    EXPECT_THROW(mix_lanes(lanes, n, 1, 1), Error) << n;
  }
  EXPECT_THROW(mix_lanes(lanes, 2, 0, 1), Error);
  EXPECT_THROW(mix_lanes(lanes, 2, 3, 1), Error);
  EXPECT_THROW(mix_lanes({}, 2, 1, 1), Error);
}

}  // namespace
}  // namespace holdfast::format

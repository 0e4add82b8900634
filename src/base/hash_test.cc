// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sha256_lanes.h"

namespace holdfast {
namespace {

constexpr std::string_view hash_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view hash_of_abc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, MatchesTheVectorsOfFips180) {
  EXPECT_EQ(to_hex(sha256({})), hash_of_nothing);
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), hash_of_abc);
  EXPECT_EQ(to_hex(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, PiecesGiveTheSameAsTheWhole) {
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update({});
  hash.update(as_bytes("bc"));
  EXPECT_EQ(to_hex(hash.finish()), hash_of_abc);
}

// RFC 4231, test cases 1, 2 and 6; an empty key and message.
TEST(HmacSha256, MatchesTheVectorsOfRfc4231) {
  const std::string first_key(20, '\x0b'), long_key(131, '\xaa');
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(first_key), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes(long_key),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(to_hex(hmac_sha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// RFC 1321, appendix A.5; FIPS 180-4.
TEST(HashesOfProtocols, MatchTheirVectors) {
  Md5 md5;
  EXPECT_EQ(to_hex(md5.finish()), "d41d8cd98f00b204e9800998ecf8427e");
  md5.update(as_bytes("message "));
  md5.update(as_bytes("digest"));
  EXPECT_EQ(to_hex(md5.finish()), "f96b697d7cb7938d525a2f31aaf161d0");
  Sha1 sha1;
  sha1.update(as_bytes("a"));
  sha1.update(as_bytes("bc"));
  EXPECT_EQ(to_hex(sha1.finish()), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha1.finish()), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(IsEqualSecret, ComparesWholeTexts) {
  EXPECT_TRUE(is_equal_secret(as_bytes("secret"), as_bytes("secret")));
  EXPECT_FALSE(is_equal_secret(as_bytes("secret"), as_bytes("secreu")));
  EXPECT_FALSE(is_equal_secret(as_bytes("secret"), as_bytes("secret ")));
  EXPECT_TRUE(is_equal_secret({}, {}));
}

TEST(Sha256, StartsAnewAfterFinish) {
  Sha256 hash;
  hash.update(as_bytes("something else"));
  static_cast<void>(hash.finish());
  EXPECT_EQ(to_hex(hash.finish()), hash_of_nothing);
}

TEST(Sha256, MovesWithItsState) {
  Sha256 hash;
  hash.update(as_bytes("ab"));
  Sha256 moved = std::move(hash);
  moved.update(as_bytes("c"));
  EXPECT_EQ(to_hex(moved.finish()), hash_of_abc);
  EXPECT_THROW(hash.update({}), Error);  // NOLINT(bugprone-use-after-move): the point of the test
}

// Every length around the ends of blocks, beside every other: the lanes end at different times.
TEST(Sha256, OfEachIsWhatItIsAlone) {
  Bytes all(3000);
  fill_random(all);
  std::vector<ByteView> messages;
  for (std::size_t size = 0; size < 200; ++size) messages.push_back(ByteView(all).first(size));
  for (const std::size_t size : {3000U, 1U, 0U, 63U, 64U, 65U, 2999U, 119U, 120U, 128U, 2U}) {
    messages.push_back(ByteView(all).last(size));
  }
  for (std::size_t count : {messages.size(), messages.size() - 1, std::size_t{1}, std::size_t{0}}) {
    const std::span some(messages.data(), count);
    std::vector<Sha256Digest> digests(count);
    sha256_each(some, digests);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(digests[i], sha256(some[i])) << i;
  }
}

// A long message beside others that are shorter, empty, and longer than what is left of it.
TEST(Sha256, OfALongMessageBesideOthersIsWhatItIsAlone) {
  Bytes all(5000);
  fill_random(all);
  for (const std::size_t size : {0U, 1U, 63U, 64U, 1000U, 4096U, 5000U}) {
    const ByteView message = ByteView(all).first(size);
    Sha256Beside beside(message);
    for (const std::size_t other : {0U, 64U, 700U, 65U, 4999U, 3U}) {
      EXPECT_EQ(beside.other(ByteView(all).last(other)), sha256(ByteView(all).last(other)))
          << other << " beside " << size;
    }
    EXPECT_EQ(beside.finish(), sha256(message)) << size;
    EXPECT_EQ(Sha256Beside(message).finish(), sha256(message)) << size << " alone";
  }
}

TEST(Sha256, IsSafeOnManyThreads) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 200; ++round) {
        EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), hash_of_abc);
      }
    });
  }
}

TEST(FillRandom, FillsEverythingWithSomethingNewEachTime) {
  Bytes one(3U << 20U, std::byte{});
  Bytes other(one.size(), std::byte{});
  fill_random(one);
  fill_random(other);
  EXPECT_NE(one, other);
  const auto tail = std::span(one).last(64);
  EXPECT_NE(std::count(tail.begin(), tail.end(), std::byte{}), 64);
  fill_random({});
}

}  // namespace
}  // namespace holdfast

// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/store.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "engine/h2/test_store.h"

namespace holdfast::engine::h2 {
namespace {

class MemoryFile final : public model::RandomSource {
 public:
  explicit MemoryFile(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_.size(); }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    if (offset_bytes > bytes_.size() || into.size() > bytes_.size() - offset_bytes)
      throw Error(Errc::corrupt, "read past the end");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset_bytes), into.size(),
                into.begin());
  }

 private:
  ByteView bytes_;
};

std::optional<StoreFacts> read(ByteView bytes, bool whole = true) {
  MemoryFile file(bytes);
  return read_store(file, whole, {});
}

TEST(H2Store, AClosedStoreOfEveryFormatIsWhole) {
  for (const unsigned format : {1U, 2U, 3U}) {
    TestStore store(format);
    const auto found = read(store.bytes());
    ASSERT_TRUE(found) << format;
    EXPECT_EQ(found->header.format, format);
    EXPECT_TRUE(found->closed);
    EXPECT_TRUE(found->listed);
    EXPECT_EQ(found->chunks, 2U);
    EXPECT_EQ(found->pages, 2U);
    EXPECT_EQ(found->newest->version, 2U);
    EXPECT_EQ(found->problems, std::vector<std::string>{}) << format;
  }
}

TEST(H2Store, OneThatWasNotClosedIsFoundFromItsEnd) {
  for (const unsigned format : {1U, 2U, 3U}) {
    TestStore store(format, false);
    store.bytes().resize(store.bytes().size() + 3 * block_bytes, std::byte{0});
    const auto found = read(store.bytes());
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->closed);
    ASSERT_TRUE(found->newest);
    EXPECT_EQ(found->newest->version, 2U);
    EXPECT_TRUE(found->problems.empty());
  }
}

TEST(H2Store, OneDamagedHeaderIsMadeGoodByTheOther) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{2}, std::size_t{block_bytes} + 9}) {
    TestStore store;
    store.bytes()[at] ^= std::byte{1};
    const auto found = read(store.bytes());
    ASSERT_TRUE(found) << at;
    EXPECT_EQ(found->good_headers, 1U);
    EXPECT_FALSE(found->closed);
    EXPECT_TRUE(found->problems.empty());
  }
}

TEST(H2Store, TwoDamagedHeadersAreDamage) {
  TestStore store;
  store.bytes()[9] ^= std::byte{1};
  store.bytes()[block_bytes + 9] ^= std::byte{1};
  const auto found = read(store.bytes());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->problems.size(), 1U);
}

// H2 itself would go back to the state before and say nothing.
TEST(H2Store, MissesTheChunkThatItsHeaderNames) {
  TestStore store;
  store.bytes().resize(3 * block_bytes);
  const auto found = read(store.bytes(), false);
  ASSERT_TRUE(found);
  ASSERT_FALSE(found->problems.empty());
  EXPECT_NE(found->problems[0].find("chunk 2 at block 3"), std::string::npos);
}

TEST(H2Store, MissesAnOlderChunkThatIsStillNeeded) {
  TestStore store;
  store.put(2 * block_bytes, "CHUNK");
  EXPECT_TRUE(read(store.bytes(), false)->problems.empty());
  const auto found = read(store.bytes(), true);
  ASSERT_EQ(found->problems.size(), 1U);
  EXPECT_EQ(found->problems[0], "lacks chunk 1 at block 2");
}

TEST(H2Store, FindsAPageThatIsNotWhereItShouldBe) {
  TestStore store;
  store.bytes()[2 * block_bytes + TestStore::header_bytes + 3] ^= std::byte{4};
  const auto found = read(store.bytes());
  ASSERT_EQ(found->problems.size(), 1U);
  EXPECT_NE(found->problems[0].find("damaged page"), std::string::npos);
}

TEST(H2Store, EveryFlippedByteOfAHeaderOrFooterIsSeen) {
  const TestStore good;
  Bytes bytes = TestStore().bytes();
  for (std::size_t at = 4 * block_bytes - footer_bytes; at < 4 * block_bytes - 90; ++at) {
    bytes[at] ^= std::byte{2};
    EXPECT_FALSE(read(bytes)->problems.empty()) << at;
    bytes[at] ^= std::byte{2};
  }
}

TEST(H2Store, OtherFilesAreNone) {
  EXPECT_FALSE(read({}));
  EXPECT_FALSE(read(as_bytes("SQLite format 3")));
  EXPECT_FALSE(read(as_bytes(std::string(3 * block_bytes, 'x'))));
}

TEST(H2Store, AnEncryptedOneIsNotLookedInto) {
  const auto found = read(as_bytes("H2encrypt\n" + std::string(9000, 'x')));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->encrypted);
  EXPECT_TRUE(found->problems.empty());
}

TEST(H2Store, ALaterFormatIsRefusedByName) {
  TestStore store(4);
  try {
    static_cast<void>(read(store.bytes()));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("format 4"), std::string::npos);
  }
}

TEST(H2Store, AListOfChunksThatNamesItselfEndlesslyEnds) {
  TestStore store;
  // An inner page whose two children are itself.
  const std::uint64_t itself = std::uint64_t{2} << 38U | TestStore::header_bytes << 6U;
  std::string child;
  for (int shift = 56; shift >= 0; shift -= 8)
    child += static_cast<char>(itself >> static_cast<unsigned>(shift));
  store.add_chunk(
      2, 3, {TestStore::framed(2, TestStore::header_bytes, std::string("\0\0\0\1", 4) + child)});
  const auto found = read(store.bytes());
  ASSERT_FALSE(found->problems.empty());
}

TEST(H2Store, StopsWhenToldTo) {
  TestStore store;
  MemoryFile file(store.bytes());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(static_cast<void>(read_store(file, true, stop.get_token())), Error);
}

}  // namespace
}  // namespace holdfast::engine::h2

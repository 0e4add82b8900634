// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/header.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::h2 {
namespace {

TEST(H2Header, HasTheChecksumsOfRealStores) {
  // Texts with the sums that H2 1.4.200, 2.1.214 and 2.2.224 wrote.
  for (const auto& [text, sum] : std::initializer_list<std::pair<const char*, std::uint32_t>>{
           {"H:2,block:987,blockSize:1000,chunk:6,clean:1,created:1a1fe58841e,format:1,version:6",
            0x7de6b24e},
           {"H:2,block:3,blockSize:1000,chunk:2,clean:1,created:1a1fe4f9fe8,format:2,version:2",
            0x30b2a645},
           {"chunk:1,block:2,version:1", 0x84d0d5f6},
           {"chunk:2,len:1,version:2", 0x9ad3748c}}) {
    EXPECT_EQ(fletcher32(as_bytes(text)), sum) << text;
  }
}

TEST(H2Header, ReadsTheHeaderOfAClosedStoreAndOfOneThatRuns) {
  std::string block =
      "H:2,block:3,blockSize:1000,chunk:2,clean:1,created:1a1fe4f9fe8,format:2,version:2,"
      "fletcher:30b2a645\n";
  block.resize(block_bytes, '\0');
  const auto closed = parse_header(as_bytes(block));
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->format, 2U);
  EXPECT_EQ(closed->chunk, 2U);
  EXPECT_EQ(closed->block, 3U);
  EXPECT_TRUE(closed->clean);
  EXPECT_EQ(closed->created_ms, 0x1a1fe4f9fe8U);

  const auto running =
      parse_header(as_bytes("H:2,blockSize:1000,created:1a1fe511980,format:2,fletcher:42069d17\n"));
  ASSERT_TRUE(running);
  EXPECT_FALSE(running->chunk);
  EXPECT_FALSE(running->clean);
}

TEST(H2Header, AFlippedBitIsNoHeader) {
  const std::string good = "H:2,blockSize:1000,created:1a1fe511980,format:2,fletcher:42069d17\n";
  for (std::size_t at = 0; at + 1 < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(parse_header(as_bytes(bad))) << at << " " << bad;
  }
}

TEST(H2Header, ReadsQuotedValues) {
  const auto fields = parse_fields(R"(a:1,name:"x,\"y\":z",b:2)");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->at("name"), R"(x,"y":z)");
  EXPECT_EQ(fields->at("b"), "2");
  EXPECT_FALSE(parse_fields("a:1,b"));
}

TEST(H2Header, ReadsChunksOfEveryFormat) {
  const auto old = parse_chunk(
      "chunk:2,block:3,len:13,map:7,max:17ef0,next:16,pages:15,root:80004b0892,time:411,version:2,"
      "pinCount:0");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->blocks, 0x13U);
  EXPECT_EQ(old->live_pages, 0x15U);
  const auto later =
      parse_chunk("chunk:1,len:1,pages:4,max:410,map:9,root:400000f5c6,time:1eb,version:1,toc:421");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->block, 0U);
  EXPECT_EQ(later->table, 0x421U);
}

TEST(H2Header, RefusesChunksThatCannotBe) {
  for (const char* const text : {"", "chunk:0,len:1", "chunk:4000000,len:1", "chunk:x,len:1",
                                 "len:1", "chunk", "chunk:-1,len:1"}) {
    EXPECT_FALSE(parse_chunk(text)) << text;
  }
  EXPECT_FALSE(parse_chunk_header(as_bytes("chunk:1,len:1")));    // no end
  EXPECT_FALSE(parse_chunk_header(as_bytes("chunk:1,len:0\n")));  // nothing in it
  EXPECT_FALSE(parse_chunk_header(as_bytes("chunk:1,len:ffffffffffffffff\n")));
  EXPECT_TRUE(parse_chunk_header(as_bytes("chunk:1,len:1  \n")));
}

TEST(H2Header, KnowsEncryptedStores) {
  EXPECT_TRUE(is_encrypted(as_bytes("H2encrypt\nsalt")));
  EXPECT_TRUE(begins_as_store(as_bytes("H2encrypt\nsalt")));
  EXPECT_FALSE(is_encrypted(as_bytes("H:2,block:2")));
  EXPECT_FALSE(begins_as_store(as_bytes("-- H2 0.5/B --")));
}

}  // namespace
}  // namespace holdfast::engine::h2

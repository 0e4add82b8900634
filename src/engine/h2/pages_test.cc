// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/pages.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/h2/test_store.h"

namespace holdfast::engine::h2 {
namespace {

Errc code_of(const std::string& page, bool numbered = true) {
  try {
    static_cast<void>(parse_text_page(as_bytes(page), numbered));
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return Errc::bug;
}

TEST(H2Pages, TakesPositionsApart) {
  const PagePosition position = page_position(std::uint64_t{5} << 38U | 0x1234U << 6U | 3U);
  EXPECT_EQ(position.chunk, 5U);
  EXPECT_EQ(position.offset, 0x1234U);
  EXPECT_TRUE(position.inner);
}

TEST(H2Pages, AChecksValueHoldsForOnePlaceOnly) {
  TestStore store;
  const PageFront front = parse_page_front(as_bytes(store.page(7, 0, 0, {{"a", "b"}})));
  EXPECT_TRUE(belongs(front, 7, TestStore::header_bytes));
  EXPECT_FALSE(belongs(front, 7, TestStore::header_bytes + 1));
  EXPECT_FALSE(belongs(front, 6, TestStore::header_bytes));
}

TEST(H2Pages, ReadsLeavesOfEveryFormat) {
  for (const unsigned format : {1U, 2U, 3U}) {
    TestStore store(format);
    const std::string page =
        store.page(1, 3, 0, {{"chunk.1", "len:1"}, {"x", std::string(200, 'y')}});
    const TextPage found = parse_text_page(as_bytes(page), format >= 2);
    ASSERT_EQ(found.entries.size(), 2U);
    EXPECT_EQ(found.entries[0].second, "len:1");
    EXPECT_EQ(found.entries[1].second, std::string(200, 'y'));
  }
}

TEST(H2Pages, ExpandsCompressedLeaves) {
  // Number 0, map 0, one key, compressed; 4 bytes more than here; "\1a" and "\x8" + 8 times 'b':
  // four literal bytes, then seven that repeat the last one.
  const std::string body =
      std::string("\0\0\1\2", 4) + '\x04' + std::string("\3\1a\10b", 5) + std::string("\xa0\0", 2);
  const TextPage found = parse_text_page(as_bytes(TestStore::framed(1, 0, body)), true);
  ASSERT_EQ(found.entries.size(), 1U);
  EXPECT_EQ(found.entries[0].first, "a");
  EXPECT_EQ(found.entries[0].second, "bbbbbbbb");
}

TEST(H2Pages, ReadsChildrenOfInnerPages) {
  const std::string body =
      std::string("\0\0\1\1", 4) + std::string(7, '\0') + "\x11" + std::string(7, '\0') + "\x22";
  const TextPage found = parse_text_page(as_bytes(TestStore::framed(1, 0, body)), true);
  EXPECT_EQ(found.children, (std::vector<std::uint64_t>{0x11, 0x22}));
}

TEST(H2Pages, RefusesWhatCannotBe) {
  const auto framed = [](const std::string& body) { return TestStore::framed(1, 0, body); };
  EXPECT_EQ(code_of(""), Errc::corrupt);
  EXPECT_EQ(code_of(framed("")), Errc::corrupt);
  EXPECT_EQ(code_of(framed(std::string("\0\1\0\0", 4))), Errc::corrupt);  // of another map
  EXPECT_EQ(code_of(framed(std::string("\0\0\5\0", 4))), Errc::corrupt);  // entries missing
  EXPECT_EQ(code_of(framed(std::string("\0\0\1\0\x7f", 5) + "a")), Errc::corrupt);  // text cut off
  EXPECT_EQ(code_of(framed(std::string("\0\0\5\1", 4))), Errc::corrupt);  // children missing
  EXPECT_EQ(code_of(framed(std::string("\0\0", 2) + std::string(11, '\xff'))), Errc::corrupt);
  EXPECT_EQ(code_of(framed(std::string("\0\0\1\6\0", 5))), Errc::unsupported);  // Deflate
  // Repeats from before its beginning; claims 2 GiB; is longer than it says.
  EXPECT_EQ(code_of(framed(std::string("\0\0\1\2\x05\x20\x01", 7))), Errc::corrupt);
  EXPECT_EQ(code_of(framed(std::string("\0\0\1\2", 4) + "\xff\xff\xff\xff\x07")), Errc::corrupt);
  EXPECT_EQ(code_of(framed(std::string("\0\0\1\2\0\3\1a\10b\xe0\xff\0", 13))), Errc::corrupt);
}

}  // namespace
}  // namespace holdfast::engine::h2

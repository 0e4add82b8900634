// SPDX-License-Identifier: Apache-2.0
#include "format/go_quote.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "format/tree.h"

namespace holdfast::format {
namespace {

TEST(Printable, IsTheTableOfUnicode13) {
  Bytes bitmap(0x110000 / 8);
  std::fill(bitmap.begin(), bitmap.end(), std::byte{0});
  std::size_t count = 0;
  for (char32_t rune = 0; rune <= 0x10ffff; ++rune) {
    if (!is_printable(rune)) continue;
    bitmap[rune / 8] |= static_cast<std::byte>(1U << rune % 8);
    ++count;
  }
  EXPECT_EQ(count, 143'680U);
  EXPECT_EQ(to_hex(sha256(bitmap)),
            "68b11a245c9bd0215bc58c16635ae72e5f7f5d16895c8d9338b657eabb6e6044");
}

TEST(GoQuote, LeavesPlainNamesAlone) {
  for (const std::string_view name :
       {"a", "notes.txt", "with space", "Grüße", "日本語", "😀", "\xef\xbf\xbd", "'<>&", "~"}) {
    EXPECT_EQ(go_quote(name), name);
  }
}

TEST(GoQuote, EscapesAsGo) {
  EXPECT_EQ(go_quote("bad\xff\xfe"), R"(bad\xff\xfe)");
  EXPECT_EQ(go_quote("\a\b\f\n\r\t\v"), R"(\a\b\f\n\r\t\v)");
  EXPECT_EQ(go_quote(R"(we<ird>&"q"\)"), R"(we<ird>&\"q\"\\)");
  EXPECT_EQ(go_quote("\xc2\xa0"), R"(\u00a0)");
  EXPECT_EQ(go_quote("\xe2\x80\x8b"), R"(\u200b)");
  EXPECT_EQ(go_quote("\xf3\xa0\x80\x81"), R"(\U000e0001)");
  EXPECT_EQ(go_quote(std::string_view("\0\x1b\x7f", 3)), R"(\x00\x1b\x7f)");
  EXPECT_EQ(go_quote("\xc2\x80"), R"(\u0080)");
  EXPECT_EQ(go_quote("\xe2\x80\xa8"), R"(\u2028)");
}

TEST(GoQuote, EscapesEveryByteThatIsNotUtf8ByItself) {
  EXPECT_EQ(go_quote("\xc0\xaf"), R"(\xc0\xaf)");                  // overlong
  EXPECT_EQ(go_quote("\xed\xa0\x80"), R"(\xed\xa0\x80)");          // surrogate
  EXPECT_EQ(go_quote("\xf4\x90\x80\x80"), R"(\xf4\x90\x80\x80)");  // above U+10FFFF
  EXPECT_EQ(go_quote("\xe2\x82"), R"(\xe2\x82)");                  // cut off
  EXPECT_EQ(go_quote("\xe2\x82z"), R"(\xe2\x82z)");
  EXPECT_EQ(go_quote("\x80"), R"(\x80)");
}

TEST(GoUnquote, ReadsEveryLegalEscape) {
  EXPECT_EQ(go_unquote(R"(a\a\b\f\n\r\t\v\\\")"), "a\a\b\f\n\r\t\v\\\"");
  EXPECT_EQ(go_unquote(R"(\x41\xff\xFE)"), "A\xff\xfe");
  EXPECT_EQ(go_unquote(R"(\101\377)"), "A\xff");
  EXPECT_EQ(go_unquote(R"(\u00e9\u20AC)"), "\xc3\xa9\xe2\x82\xac");
  EXPECT_EQ(go_unquote(R"(\U0001f600)"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(go_unquote("'plain\ttab'"), "'plain\ttab'");
  EXPECT_EQ(go_unquote(""), "");
}

TEST(GoUnquote, RefusesWhatGoRefuses) {
  for (const std::string_view bad :
       {"\\", "a\"b", "a\nb", R"(\')", R"(\z)", R"(\x4)", R"(\x4g)", R"(\400)", R"(\18)", R"(\u12)",
        R"(\ud800)", R"(\U00110000)", R"(\U0001f60)", R"(\u+123)", "\xff"}) {
    EXPECT_FALSE(go_unquote(bad)) << bad;
  }
}

TEST(GoUnquote, UndoesQuotingForEveryPairOfBytes) {
  for (unsigned a = 0; a < 256; ++a) {
    for (unsigned b = 0; b < 256; ++b) {
      const std::string raw{static_cast<char>(a), static_cast<char>(b)};
      ASSERT_EQ(go_unquote(go_quote(raw)), raw) << a << " " << b;
    }
  }
}

TEST(GoUnquote, UndoesQuotingForEveryRune) {
  for (char32_t rune = 0x800; rune <= 0x10ffff; ++rune) {
    if (rune >= 0xd800 && rune < 0xe000) continue;
    std::string raw;
    if (rune < 0x10000) {
      raw = {static_cast<char>(0xe0 | rune >> 12), static_cast<char>(0x80 | (rune >> 6 & 63)),
             static_cast<char>(0x80 | (rune & 63))};
    } else {
      raw = {static_cast<char>(0xf0 | rune >> 18), static_cast<char>(0x80 | (rune >> 12 & 63)),
             static_cast<char>(0x80 | (rune >> 6 & 63)), static_cast<char>(0x80 | (rune & 63))};
    }
    const std::string quoted = go_quote(raw);
    ASSERT_EQ(quoted == raw, is_printable(rune)) << static_cast<unsigned>(rune);
    ASSERT_EQ(go_unquote(quoted), raw) << static_cast<unsigned>(rune);
  }
}

}  // namespace
}  // namespace holdfast::format

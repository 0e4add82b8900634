// SPDX-License-Identifier: Apache-2.0
#include "cli/text.h"

#include <gtest/gtest.h>

namespace holdfast::cli {
namespace {

TEST(Text, ShowsWhatCouldSteerATerminal) {
  EXPECT_EQ(printable("plain ü 日本 \\n"), "plain ü 日本 \\n");
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(printable("\x1b[2Jx\x7f"), "\\x1b[2Jx\\x7f");
  EXPECT_EQ(printable("bad\xff\xfe"), "bad\\xff\\xfe");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u009b");  // a control sequence introducer in one rune
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\u202eb");  // right-to-left override
}

TEST(Text, MeasuresCells) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);  // e with a combining acute
  EXPECT_EQ(display_width("\xff"), 1U);
  EXPECT_EQ(fitting_front("日本語", 5), "日本");
  EXPECT_EQ(fitting_front("abc", 5), "abc");
}

TEST(Text, ShortensPathsAtTheirFront) {
  EXPECT_EQ(shortened_front("/srv/app/file", 20), "/srv/app/file");
  EXPECT_EQ(shortened_front("/srv/app/file", 6), "…/file");
  EXPECT_EQ(display_width(shortened_front("/日本語/日本語", 6)), 5U);
  EXPECT_EQ(shortened_front("abc", 0), "");
}

TEST(Text, WrapsAtSpaces) {
  EXPECT_EQ(wrapped("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("averyveryverylongword x", 5),
            (std::vector<std::string>{"averyveryverylongword", "x"}));
  EXPECT_EQ(wrapped("a\n\nb\n  kept as it is", 5),
            (std::vector<std::string>{"a", "", "b", "  kept as it is"}));
}

TEST(Text, DecodesWhatEditorsWrite) {
  EXPECT_EQ(decode_text("\xef\xbb\xbfpass"), "pass");
  EXPECT_EQ(decode_text(std::string_view("\xff\xfep\0\xfc\0", 6)), "pü");
  EXPECT_EQ(decode_text(std::string_view("\xfe\xff\0p\0\xfc", 6)), "pü");
  EXPECT_EQ(decode_text(std::string_view("\xfe\xff\xd8\x3d\xde\x00", 6)), "😀");
  EXPECT_EQ(decode_text(std::string_view("\xfe\xff\xd8\x3d", 4)), "\xef\xbf\xbd");  // half a pair
  EXPECT_EQ(decode_text("pl\xe4in"), "pl\xe4in");
}

TEST(Text, TrimsWhiteSpaceOfUnicode) {
  EXPECT_EQ(trimmed(" \t\r\n a b \xc2\xa0\xe3\x80\x80\n"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(trimmed("x\xff"), "x\xff");
}

TEST(Text, SplitsAndJoins) {
  EXPECT_EQ(lines_of("a\r\nb\n\nc"), (std::vector<std::string>{"a", "b", "", "c"}));
  EXPECT_TRUE(lines_of("").empty());
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(joined(std::vector<std::string>{"a", "b"}, ", "), "a, b");
  EXPECT_EQ(format_percent(1, 3), "33.33%");
  EXPECT_EQ(format_percent(4, 3), "100.00%");
  EXPECT_EQ(format_percent(0, 0), "");
}

TEST(Text, KeepsLinesWhereItMay) {
  EXPECT_EQ(printable_lines("a\nb ü\n"), "a\nb ü\n");
  EXPECT_EQ(printable_lines("a\n\x1b[2J\t\xff"), "a\n\\x1b[2J\\t\\xff");
}

TEST(Text, CountsInWords) {
  EXPECT_EQ(counted(1, "item"), "1 item");
  EXPECT_EQ(counted(0, "source item"), "0 source items");
}

}  // namespace
}  // namespace holdfast::cli

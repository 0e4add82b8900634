// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/java_properties.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

std::string read(std::string_view text) {
  std::string result;
  for (const JavaProperty& one : parse_java_properties(text, "a.properties"))
    result += std::to_string(one.line) + " [" + one.key + "]=[" + one.value + "] ";
  return result;
}

std::string refusal(std::string_view text) {
  try {
    static_cast<void>(parse_java_properties(text, "a.properties"));
    return "";
  } catch (const Error& error) {
    return error.message();
  }
}

TEST(JavaProperties, KnowsEverySeparatorAndComment) {
  EXPECT_EQ(read("a=1\nb:2\nc 3\nd\t=\t4 \n# no=1\n  ! no=2\n\n=5\ne\nf==6\n"),
            "1 [a]=[1] 2 [b]=[2] 3 [c]=[3] 4 [d]=[4 ] 8 []=[5] 9 [e]=[] 10 [f]=[=6] ");
  EXPECT_EQ(read("a=1\r\nb=2\rc=3"), "1 [a]=[1] 2 [b]=[2] 3 [c]=[3] ");
}

TEST(JavaProperties, ContinuesLinesAndNamesTheFirst) {
  EXPECT_EQ(read("a = one \\\n    two\\\\\nb\\\nc=3\\"), "1 [a]=[one two\\] 3 [bc]=[3] ");
  EXPECT_EQ(read("# comment \\\na=1"), "2 [a]=[1] ");
}

TEST(JavaProperties, UnescapesKeysAndValues) {
  EXPECT_EQ(read("a\\=b\\ c\\:=\\t\\n\\q\\u00e4\\uD83D\\uDE00"),
            "1 [a=b c:]=[\t\nq\xC3\xA4\xF0\x9F\x98\x80] ");
  EXPECT_EQ(read("a=C\\:\\\\data"), "1 [a]=[C:\\data] ");
}

TEST(JavaProperties, TakesBytesForLatin1AsJavaDoes) {
  EXPECT_EQ(read("a=\xE4"), "1 [a]=[\xC3\xA4] ");
}

TEST(JavaProperties, RefusesMalformedEscapesWithTheLine) {
  EXPECT_EQ(refusal("a=1\nb=\\u12"), "a.properties:2: \\u without four hex digits");
  EXPECT_EQ(refusal("b=\\uD83Dx"), "a.properties:1: half of a surrogate pair");
  EXPECT_EQ(refusal("b=\\uDE00"), "a.properties:1: half of a surrogate pair");
  EXPECT_EQ(refusal("b=\\uD83D"), "a.properties:1: half of a surrogate pair");
  EXPECT_EQ(refusal("b=\\u0000"), "a.properties:1: a NUL");
}

}  // namespace
}  // namespace holdfast::profile::magnolia

// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/wide_text.h"

#include <gtest/gtest.h>

namespace holdfast::engine::sqlserver {
namespace {

std::string back(const std::u16string& wide) {
  std::string utf8;
  append_utf8(utf8, {reinterpret_cast<const char*>(wide.data()), 2 * wide.size()});
  return utf8;
}

TEST(SqlServerWideText, ComesBackAsItWas) {
  const std::string all =
      "a\x7f\u0080\u00e9\u07ff\u0800\u20ac\ud7ff\ue000\uffff\U00010000\U0010ffff";
  EXPECT_EQ(back(to_wide(all)), all);
  EXPECT_EQ(to_wide("\U0001f600"), std::u16string(u"\xd83d\xde00"));
  EXPECT_EQ(back(to_wide(std::string("a\0b", 3))), std::string("a\0b", 3));
  EXPECT_EQ(back(to_wide("")), "");
}

TEST(SqlServerWideText, ReplacesWhatIsNoText) {
  EXPECT_EQ(to_wide("a\xff"
                    "b\xc3"),
            std::u16string(u"a\xfffd"
                           u"b\xfffd"));
  EXPECT_EQ(to_wide("\xe2\x82"), std::u16string(u"\xfffd"));
  EXPECT_EQ(back(std::u16string(u"a\xd800")), "a\ufffd");
  EXPECT_EQ(back(std::u16string(u"\xdc00"
                                u"b")),
            "\ufffd"
            "b");
  EXPECT_EQ(back(std::u16string(u"\xd800\xd800\xdc00")), "\ufffd\U00010000");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/xml_edit.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

// Gives <b> of <a> another class, without parameter `old` and with `new`.
std::string changed(std::string_view text) {
  const XmlPlace root = find_places(text, "f");
  XmlEdit edit(text);
  edit.change(*root.child("b"), "New", {"old"}, {{"new", "1&\"<\xc3\xa4"}});
  return edit.result();
}

TEST(XmlEdit, ChangesAClassAndNothingElse) {
  EXPECT_EQ(changed("<?xml version='1.0'?>\n<!DOCTYPE a [ <!-- ]> --> ]>\n<!-- <b class='x'/> -->\n"
                    "<a x = '>'>\r\n  <b id='7'\n     class = 'Old' >\n    <!-- why -->\n"
                    "    <param name='old' value='/>'/>\n    <param name='kept'  value='2' />\n"
                    "  </b ><b class='Old'/>\n</a >\n"),
            "<?xml version='1.0'?>\n<!DOCTYPE a [ <!-- ]> --> ]>\n<!-- <b class='x'/> -->\n"
            "<a x = '>'>\r\n  <b id='7'\n     class = 'New' >\n"
            "    <param name=\"new\" value=\"1&#38;&#34;&#60;&#228;\"/>\n    <!-- why -->\n"
            "    <param name='kept'  value='2' />\n"
            "  </b ><b class='Old'/>\n</a >\n");
}

TEST(XmlEdit, ChangesClassesOnOneLineAndWithoutContent) {
  EXPECT_EQ(changed("<a><b class='Old'><param name='old' value=''/></b></a>"),
            "<a><b class='New'><param name=\"new\" value=\"1&#38;&#34;&#60;&#228;\"/></b></a>");
  EXPECT_EQ(changed("<a>\n  <b class='Old' />\n</a>"),
            "<a>\n  <b class='New'>\n    <param name=\"new\" value=\"1&#38;&#34;&#60;&#228;\"/>\n"
            "  </b>\n</a>");
}

TEST(XmlEdit, ReplacesAParameterThatIsAdded) {
  const std::string_view text = "<a><b><param name='new' value='0'/></b></a>";
  const XmlPlace root = find_places(text, "f");
  XmlEdit edit(text);
  EXPECT_FALSE(edit.is_changed());
  edit.change(*root.child("b"), "", {}, {{"new", "1"}});
  EXPECT_TRUE(edit.is_changed());
  EXPECT_EQ(edit.result(), "<a><b><param name=\"new\" value=\"1\"/></b></a>");
}

TEST(XmlEdit, RemovesAndInsertsElements) {
  const std::string_view text = "<a>\n  <b/>\n  <c>x</c>\n</a>";
  const XmlPlace root = find_places(text, "f");
  XmlEdit edit(text);
  edit.remove(*root.child("c"));
  edit.insert_first(root, "<d/>");
  EXPECT_EQ(edit.result(), "<a>\n  <d/>\n  <b/>\n</a>");
}

TEST(XmlEdit, ReadsValuesAsTheParserDoes) {
  const XmlPlace root = find_places("<a><![CDATA[<b/>]]><b c='1&amp;&#50;'/></a>", "f");
  EXPECT_EQ(root.child("b")->attribute("c"), "1&2");
  EXPECT_EQ(root.child("b")->attribute("d"), "");
}

TEST(XmlEdit, RefusesWhatTheParserRefuses) {
  EXPECT_THROW(static_cast<void>(find_places("<a><b></a>", "f")), Error);
  EXPECT_THROW(
      static_cast<void>(find_places("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:/x'>]><a>&e;</a>", "f")),
      Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia

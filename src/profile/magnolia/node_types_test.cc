// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/node_types.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::string_view mgnl = "http://www.magnolia.info/jcr/mgnl";

NodeTypes parse(std::string_view inside) {
  return NodeTypes::of(
      parse_xml(fmt::format("<?xml version=\"1.0\"?>\n<nodeTypes xmlns:mgnl=\"{}\" "
                            "xmlns:nt=\"http://www.jcp.org/jcr/nt/1.0\">\n{}</nodeTypes>\n",
                            mgnl, inside),
                "t.xml"),
      "t.xml");
}

std::string error_of(std::string_view inside) {
  try {
    static_cast<void>(parse(inside));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.message();
  }
  return "no error";
}

TEST(NodeTypes, AreThoseOfTheFileAndThoseThatAreBuiltIn) {
  const NodeTypes types = parse(
      "<nodeType name=\"mgnl:content\"><supertypes><supertype> nt:base\n</supertype></supertypes>"
      "</nodeType><nodeType name=\"plain\"/>");
  EXPECT_TRUE(types.has({mgnl, "content"}));
  EXPECT_TRUE(types.has({"", "plain"}));
  EXPECT_TRUE(types.has({nt_uri, "unstructured"}));
  EXPECT_TRUE(types.has({mix_uri, "versionable"}));
  EXPECT_TRUE(types.has({rep_uri, "root"}));
  EXPECT_FALSE(types.has({mgnl, "page"}));
  EXPECT_FALSE(types.has({"", "content"}));
  EXPECT_TRUE(types.missing_supertypes().empty());
}

TEST(NodeTypes, NameTheSupertypeThatIsNotThere) {
  const NodeTypes types = parse(
      "<nodeType name=\"mgnl:page\"><supertypes><supertype>mgnl:content</supertype></supertypes>"
      "</nodeType>");
  const std::set<std::pair<std::string, std::string>> expected{
      {"{http://www.magnolia.info/jcr/mgnl}page", "{http://www.magnolia.info/jcr/mgnl}content"}};
  EXPECT_EQ(types.missing_supertypes(), expected);
}

TEST(NodeTypes, ThatCannotBeReadAreCorruptWithTheirLine) {
  EXPECT_EQ(error_of("<nodeType/>"), "t.xml:3: a node type without a name");
  EXPECT_EQ(error_of("<nodeType name=\"mgnl:\"/>"), "t.xml:3: a node type without a name");
  EXPECT_EQ(error_of("<nodeType name=\"dam:a\"/>"),
            "t.xml:3: the prefix of `dam:a` is not declared");
  EXPECT_THROW(static_cast<void>(NodeTypes::of(parse_xml("<a/>", "t.xml"), "t.xml")), Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia

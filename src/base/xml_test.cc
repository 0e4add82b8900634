// SPDX-License-Identifier: Apache-2.0
#include "base/xml.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast {
namespace {

// What an attempt is refused with: "code: message".
std::string refusal(const std::string& document) {
  try {
    static_cast<void>(parse_xml(document, "a.xml"));
    return "";
  } catch (const Error& error) {
    return std::string(errc_name(error.code())) + ": " + error.message();
  }
}

TEST(Xml, GivesElementsAttributesTextAndLines) {
  const XmlElement root = parse_xml(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<JCR>\n  <!-- no matter -->\n"
      "  <param name=\"a&amp;b\" value=\"&#x41;\"/>\n  <param name=\"c\">t<x/>u</param>\n"
      "  <other/><![CDATA[<raw>]]>\n</JCR>\n",
      "a.xml");
  EXPECT_EQ(root.name, "JCR");
  EXPECT_EQ(root.line, 2U);
  ASSERT_EQ(root.all("param").size(), 2U);
  EXPECT_EQ(root.child("param")->attribute_or("name", ""), "a&b");
  EXPECT_EQ(root.child("param")->attribute_or("value", ""), "A");
  EXPECT_EQ(root.child("param")->line, 4U);
  EXPECT_EQ(root.all("param")[1]->text, "tu");
  EXPECT_EQ(root.child("param")->attribute("absent"), nullptr);
  EXPECT_EQ(root.child("absent"), nullptr);
  EXPECT_NE(root.text.find("<raw>"), std::string::npos);
}

TEST(Xml, PassesADocumentTypeOverWithoutFetchingIt) {
  const XmlElement root = parse_xml(
      "<!DOCTYPE Repository PUBLIC \"-//The Apache Software Foundation//DTD Jackrabbit 2.0//EN\" "
      "\"http://jackrabbit.apache.org/dtd/repository-2.0.dtd\">\n<Repository/>",
      "a.xml");
  EXPECT_EQ(root.name, "Repository");
}

TEST(Xml, RefusesEntitiesByName) {
  EXPECT_EQ(refusal("<!DOCTYPE a [<!ENTITY lol \"lol\">\n<!ENTITY b \"&lol;&lol;\">]><a>&b;</a>"),
            "unsupported: a.xml:1: it declares the entity \"lol\"");
  EXPECT_EQ(refusal("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
            "unsupported: a.xml:1: it declares the entity \"x\"");
  EXPECT_EQ(refusal("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://host/x.dtd\"> %p;]><a/>"),
            "unsupported: a.xml:1: it declares the entity \"p\"");
  EXPECT_EQ(refusal("<!DOCTYPE a SYSTEM \"x.dtd\">\n<a>&far;</a>"),
            "unsupported: a.xml:2: the entity \"far\" is declared elsewhere, if at all");
  EXPECT_NE(refusal("<a>&none;</a>").find("corrupt: a.xml:1: no well-formed XML"),
            std::string::npos);
}

TEST(Xml, RefusesWhatIsMalformedWithTheLine) {
  for (const char* document : {"", "<a>", "<a></b>", "<a b='1' b='2'/>", "<a/><b/>", "no xml",
                               "<a>\xff</a>", "<a b=c/>"}) {
    EXPECT_TRUE(refusal(document).starts_with("corrupt: a.xml:1: no well-formed XML: "))
        << document << ": " << refusal(document);
  }
  EXPECT_TRUE(refusal("<a>\n\n<b></a>").starts_with("corrupt: a.xml:3: "));
}

TEST(Xml, HoldsItsBounds) {
  std::string nested;
  for (std::size_t i = 0; i < xml_depth_max; ++i) nested += "<a>";
  std::string closing;
  for (std::size_t i = 0; i < xml_depth_max; ++i) closing += "</a>";
  EXPECT_EQ(refusal(nested + closing), "");
  EXPECT_EQ(refusal(nested + "<a/>" + closing),
            "corrupt: a.xml:1: elements are nested deeper than 64");
  std::string wide = "<a>";
  for (std::size_t i = 0; i < xml_nodes_max; ++i) wide += "<b/>";
  EXPECT_EQ(refusal(wide + "</a>"), "corrupt: a.xml:1: more than 200000 elements and attributes");
  EXPECT_EQ(refusal("<a>" + std::string(xml_size_bytes_max, ' ') + "</a>"),
            "corrupt: a.xml: larger than 16777216 bytes");
}

TEST(Xml, GivesALargeDocumentElementByElement) {
  std::string document = "<?xml version=\"1.0\"?><a v=\"1\"><head>h</head><m n=\"2\">";
  constexpr std::size_t count = 300'000;  // more than a tree may have
  for (std::size_t i = 0; i < count; ++i) document += "\n<e i=\"" + std::to_string(i) + "\">t</e>";
  document += "</m></a>";
  BytesSource source(as_bytes(document));
  std::size_t given = 0;
  const XmlElement root =
      read_xml(source, "a.xml", 2, [&](std::span<const XmlElement> around, XmlElement element) {
        if (element.name != "e") return;
        ASSERT_EQ(around.size(), 2U);
        EXPECT_EQ(around[0].attribute_or("v", ""), "1");
        EXPECT_EQ(around[1].attribute_or("n", ""), "2");
        EXPECT_EQ(element.attribute_or("i", ""), std::to_string(given++));
        EXPECT_EQ(element.text, "t");
      });
  EXPECT_EQ(given, count);
  EXPECT_NE(root.child("head"), nullptr);
  ASSERT_NE(root.child("m"), nullptr);
  EXPECT_TRUE(root.child("m")->children.empty());
}

TEST(Xml, BoundsWhatIsGivenOfALargeDocument) {
  const auto refused = [](const std::string& inside) {
    const std::string document = "<a>" + inside + "</a>";
    BytesSource source(as_bytes(document));
    try {
      read_xml(source, "a.xml", 1, [](std::span<const XmlElement>, const XmlElement&) {});
      return std::string();
    } catch (const Error& error) {
      return std::string(errc_name(error.code())) + ": " + error.message();
    }
  };
  EXPECT_EQ(refused("<b/>"), "");
  const std::string too_long(xml_size_bytes_max + 1, 'x');
  EXPECT_NE(refused("<b>" + too_long + "</b>").find("an element is larger"), std::string::npos);
  EXPECT_NE(refused("<b c=\"" + too_long + "\"/>").find("a tag is longer"), std::string::npos);
  EXPECT_NE(refused("<b>").find("no well-formed XML"), std::string::npos);
  std::string many = "<b>";
  for (std::size_t i = 0; i < xml_nodes_max; ++i) many += "<c/>";
  EXPECT_NE(refused(many + "</b>").find("more than"), std::string::npos);
}

}  // namespace
}  // namespace holdfast

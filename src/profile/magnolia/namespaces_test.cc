// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/namespaces.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::string_view whole =
    "#Sat Nov 21 10:00:00 UTC 2026\n.empty.key=\njcr=http\\://www.jcp.org/jcr/1.0\nrep=internal\n"
    "mgnl=http\\://www.magnolia.info/jcr/mgnl\n";

template <typename Body>
std::string error_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.message();
  }
  return "no error";
}

TEST(Namespaces, AreKnownByPrefixAndByUri) {
  const Namespaces namespaces = Namespaces::parse(whole, "ns_reg.properties");
  EXPECT_TRUE(namespaces.has_uri("http://www.magnolia.info/jcr/mgnl"));
  EXPECT_TRUE(namespaces.has_uri(""));
  EXPECT_FALSE(namespaces.has_uri("mgnl"));
  ASSERT_NE(namespaces.uri_of("mgnl"), nullptr);
  EXPECT_EQ(*namespaces.uri_of("mgnl"), "http://www.magnolia.info/jcr/mgnl");
  EXPECT_EQ(*namespaces.uri_of(""), "");
  EXPECT_EQ(namespaces.uri_of("dam"), nullptr);
}

TEST(Namespaces, ThatAreCutOffOrDoubleAreCorrupt) {
  for (const std::string_view text : {whole.substr(0, 0), whole.substr(0, 60)}) {
    EXPECT_NE(error_of([&] {
                static_cast<void>(Namespaces::parse(text, "ns_reg.properties"));
              }).find("ns_reg.properties"),
              std::string::npos);
  }
  EXPECT_NE(error_of([&] {
              static_cast<void>(Namespaces::parse(std::string(whole) + "r=internal\n", "f"));
            }).find("prefixes `r` and `rep` have the same URI"),
            std::string::npos);
}

TEST(Namespaces, NumbersAreEachOfOneUri) {
  check_namespace_numbers("http\\://a=1\nhttp\\://b=2\n.empty.key=0\n", "ns_idx.properties");
  for (const char* text : {"a=1\nb=1\n", "a=x\n", "a=\n", "a=1x\n", "a=99999999999\n"}) {
    EXPECT_NE(error_of([&] {
                check_namespace_numbers(text, "ns_idx.properties");
              }).find("ns_idx.properties:"),
              std::string::npos)
        << text;
  }
}

}  // namespace
}  // namespace holdfast::profile::magnolia

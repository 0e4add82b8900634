// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/variables.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

TEST(Variables, ExpandsValuesOfValues) {
  Variables variables;
  variables.set("home", "${root}/m", "a:1");
  variables.set("root", "/old", "a:2");
  variables.set("root", "/srv", "b:1");
  const Expansion expansion = expand("${home}/x/${root}", variables);
  EXPECT_EQ(expansion.text, "/srv/m/x//srv");
  EXPECT_TRUE(expansion.is_whole());
  EXPECT_EQ(expansion.used, (std::set<std::string>{"home", "root"}));
  EXPECT_EQ(variables.find("root")->where, "b:1");
}

TEST(Variables, NamesWhatIsUndefined) {
  const Expansion expansion = expand("${a}/${b}/${a} $ ${unclosed", Variables());
  EXPECT_EQ(expansion.text, "${a}/${b}/${a} $ ${unclosed");
  EXPECT_EQ(expansion.undefined, (std::vector<std::string>{"a", "b"}));
}

TEST(Variables, FindsCircles) {
  Variables variables;
  variables.set("a", "x${b}", "");
  variables.set("b", "y${a}", "");
  const Expansion expansion = expand("${a}", variables);
  EXPECT_EQ(expansion.text, "xy${a}");
  EXPECT_EQ(expansion.circular, std::vector<std::string>{"a"});
}

TEST(Variables, RefusesToGrowWithoutBound) {
  Variables variables;
  variables.set("v0", std::string(100, 'x'), "");
  for (int i = 1; i < 20; ++i) {
    const std::string before = "${v" + std::to_string(i - 1) + "}";
    variables.set("v" + std::to_string(i), before + before + before, "");
  }
  EXPECT_THROW(static_cast<void>(expand("${v19}", variables)), Error);
}

}  // namespace
}  // namespace holdfast::profile::magnolia

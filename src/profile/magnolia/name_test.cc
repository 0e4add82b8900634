// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/name.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::profile::magnolia {
namespace {

TEST(Name, CommonOnesHaveTheNumbersOfTheFormat) {
  ASSERT_EQ(common_names().size(), 126U);
  EXPECT_EQ(common_names()[0].display(), "nt:unstructured");
  EXPECT_EQ(common_names()[12].display(), "jcr:data");
  EXPECT_EQ(common_names()[17].display(), "rep:root");
  EXPECT_EQ(common_names()[45].display(), "mix:versionable");
  EXPECT_EQ(common_names()[58].display(), "jcr:versionHistory");
  EXPECT_EQ(common_names()[125].display(), "jcr:statement");
  EXPECT_EQ(std::set<Name>(common_names().begin(), common_names().end()).size(), 126U);
}

TEST(Name, IsShownWithAPrefixOnlyWhereThatIsTheSameEverywhere) {
  EXPECT_EQ((Name{"", "title"}.display()), "title");
  EXPECT_EQ((Name{"http://www.magnolia.info/jcr/mgnl", "page"}.display()),
            "{http://www.magnolia.info/jcr/mgnl}page");
}

}  // namespace
}  // namespace holdfast::profile::magnolia

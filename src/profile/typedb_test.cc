// SPDX-License-Identifier: Apache-2.0
#include "profile/typedb.h"

#include <gtest/gtest.h>

#include "profile/instance_file.h"
#include "profile/registry.h"

namespace holdfast::profile {
namespace {

TEST(TypedbProfile, LeavesItsDatabasesToTheEngine) {
  const model::Instance instance = parse_instance(
      "name = \"graph\"\nprofile = \"typedb\"\nhome = \"/opt/typedb\"\n"
      "[[drill.query]]\ncomponent = \"shop\"\nsql = \"match $x;\"\nexpect = \"1\"\n",
      "graph.toml");
  const model::Profile* const profile = find_profile(instance.profile);
  ASSERT_NE(profile, nullptr);
  EXPECT_EQ(profile->served_engine(), "typedb");
  EXPECT_EQ(instance.quiesce.when, model::QuiesceWhen::needed);
  EXPECT_TRUE(profile->plan(instance).databases.empty());
}

TEST(TypedbProfile, KeepsWhatTheFileNames) {
  const model::Plan plan = TypedbProfile().plan(parse_instance(
      "name = \"graph\"\nprofile = \"typedb\"\nhome = \"/opt/typedb\"\n"
      "[[database]]\nname = \"shop\"\nuri = \"typedb:/srv/data/shop\"\n"
      "[[files]]\nname = \"configuration\"\npaths = [\"/opt/typedb/server/config.yml\"]\n",
      "graph.toml"));
  ASSERT_EQ(plan.databases.size(), 1U);
  EXPECT_EQ(plan.databases[0].uri, "typedb:/srv/data/shop");
  EXPECT_EQ(plan.files.size(), 1U);
}

TEST(TypedbProfile, RestoresUsersWithTheWholeInstanceOnly) {
  const TypedbProfile profile;
  EXPECT_FALSE(profile.goes_alone("_system"));
  EXPECT_TRUE(profile.goes_alone("shop"));
  EXPECT_TRUE(find_profile("custom")->goes_alone("_system"));
  EXPECT_EQ(find_profile("custom")->served_engine(), "");
}

}  // namespace
}  // namespace holdfast::profile

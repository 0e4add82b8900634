// SPDX-License-Identifier: Apache-2.0
#include "job/grants.h"

#include <gtest/gtest.h>

#include "job/test_instance.h"

namespace holdfast::job {
namespace {

class GrantsTest : public InstanceTest {};

TEST_F(GrantsTest, SaysForEachDatabaseWhatARoleNeeds) {
  const auto grants = list_grants(instance_at(source()), "backup");
  ASSERT_EQ(grants.size(), 1U);
  EXPECT_EQ(grants[0].component, "orders");
  EXPECT_FALSE(grants[0].statements.empty());
}

TEST_F(GrantsTest, RefusesUnknownPurposesAndEngines) {
  EXPECT_EQ(error_of([&] { static_cast<void>(list_grants(instance_at(source()), "everything")); }),
            Errc::usage);
  model::Instance instance = instance_at(source());
  instance.databases[0].engine = "dbase";
  EXPECT_EQ(error_of([&] { static_cast<void>(list_grants(instance, "backup")); }),
            Errc::unsupported);
}

}  // namespace
}  // namespace holdfast::job

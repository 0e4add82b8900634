// SPDX-License-Identifier: Apache-2.0
// Every byte of a synthetic package: changed and cut.
#include <gtest/gtest.h>

#include "engine/sqlserver/dac/test_dac_damage.h"

namespace holdfast::engine::sqlserver {
namespace {

using test::ZipMember;

// Of the directory every third byte, and of the parts in front of it some; in a soak all of them.
void damage_all(const std::string& content) {
  const test::Told before = test::told_of_package(content);
  ASSERT_TRUE(before.is_whole);
  const std::size_t directory = content.find("PK\1\2");
  for (std::size_t at = 0; at < content.size() && !::testing::Test::HasFailure(); ++at) {
    if (at % (at < directory ? 23 : 3) != 0 && !test::is_soak()) continue;
    test::flip_in_package(content, at, 1U << at % 8, before);
    if (at % 5 == 0) test::cut_package(content, at);
  }
}

TEST(DacDamage, IsReportedOrChangesNothing) {
  damage_all(test::shop_package().file());
}

TEST(DacDamage, IsReportedInOtherShapesOfArchives) {
  std::vector<ZipMember> members = test::shop_package().members();
  for (ZipMember& one : members) one.is_wide = one.has_descriptor = true;
  damage_all(test::make_zip(members, {true, ""}));
  for (ZipMember& one : members) one.has_descriptor = one.is_packed = false;
  damage_all(test::make_zip(members, {false, "made by a test"}));
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

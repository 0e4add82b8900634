// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/vertex_keys.h"

#include <gtest/gtest.h>

#include "engine/typedb/test_keys.h"

namespace holdfast::engine::typedb {
namespace {

ThingCounts counted(Encoding encoding, std::string_view key) {
  ThingCounts counts;
  count_key(encoding, as_bytes(key), counts);
  return counts;
}

TEST(TypedbKeys, ThingsCountAsWhatTheyAre) {
  for (const Encoding encoding : {Encoding::v2_0, Encoding::v2_1, Encoding::v2_2}) {
    const TestKeys keys(encoding);
    EXPECT_EQ(counted(encoding, keys.entity(1)), (ThingCounts{1, 0, 0, 0, 0}));
    EXPECT_EQ(counted(encoding, keys.relation(1)), (ThingCounts{0, 0, 1, 0, 0}));
    EXPECT_EQ(counted(encoding, keys.role(1)), (ThingCounts{0, 0, 0, 1, 0}));
    for (const std::string& value : {std::string("\x0a\x01", 2), std::string("\x14") + "12345678",
                                     std::string("\x1e") + "12345678",
                                     std::string("\x32") + "12345678", TestKeys::text("some name")})
      EXPECT_EQ(counted(encoding, keys.attribute(value)), (ThingCounts{0, 1, 0, 0, 0})) << value;
  }
}

TEST(TypedbKeys, EdgesCountOnlyAsOwnershipsInOneDirection) {
  const TestKeys keys(Encoding::v2_0);
  const std::string name = keys.attribute(TestKeys::text("F"));  // 'F' is 70
  const std::string forward = keys.entity(1) + "\x46" + name;
  const std::string backward = name + "\xba" + keys.entity(1);
  const ThingCounts none, owned{0, 0, 0, 0, 1};
  EXPECT_EQ(counted(Encoding::v2_0, forward), owned);
  EXPECT_EQ(counted(Encoding::v2_0, backward), none);
  EXPECT_EQ(counted(Encoding::v2_0, name + "\x46" + name), owned);
  EXPECT_EQ(counted(Encoding::v2_0, keys.role(1) + "\x47" + keys.entity(1)), none);
}

TEST(TypedbKeys, OtherKeysCountAsNothing) {
  const ThingCounts none;
  const TestKeys old(Encoding::v2_0), later(Encoding::v2_2);
  for (const std::string& key :
       {std::string(), std::string(1, '\x82'), later.entity(1).substr(0, 11),
        later.attribute(TestKeys::text("name")).substr(0, 9), later.attribute("\x63name"),
        std::string("\x3c\x0a", 2), old.entity(1)})
    EXPECT_EQ(counted(Encoding::v2_2, key), none) << key.size();
  EXPECT_EQ(counted(Encoding::v2_0, later.entity(1)), none);
}

}  // namespace
}  // namespace holdfast::engine::typedb

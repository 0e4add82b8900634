// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/target.h"

#include <gtest/gtest.h>

namespace holdfast::engine::mariadb {
namespace {

Json facts(std::string version) {
  return Json::object().set("server_version", std::move(version));
}

TEST(MariadbTarget, KnowsWhichServersWordDefinitionsAlike) {
  EXPECT_TRUE(words_alike(facts("10.11.19-MariaDB"), facts("10.11.6-MariaDB-log")));
  EXPECT_FALSE(words_alike(facts("10.11.19-MariaDB"), facts("11.4.2-MariaDB")));
  EXPECT_FALSE(words_alike(facts("10.6.1-MariaDB"), facts("10.11.1-MariaDB")));
  EXPECT_FALSE(words_alike(facts("8.0.36"), facts("8.4.0")));
  EXPECT_TRUE(words_alike(facts("8.0.36"), facts("8.0.11")));
  EXPECT_TRUE(words_alike(Json(), facts("8.0.11")));
}

}  // namespace
}  // namespace holdfast::engine::mariadb

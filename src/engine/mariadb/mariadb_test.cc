// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/mariadb.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::mariadb {
namespace {

TEST(MariadbEngine, GivesAShellNoNamesOfOthers) {
  model::DatabaseFacts facts;
  facts.directory = "databases/main";
  facts.engine_facts = Json::object().set("schema", "x'; rm -rf ~ #");
  const std::string text = engine().restore_instructions(facts);
  EXPECT_EQ(text.find("rm -rf"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    mariadb -e 'SET GLOBAL local_infile=1'\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    mariadb -e 'CREATE DATABASE target'\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" target < restore.sql\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("broken.sql"), std::string::npos) << text;
  Json broken = Json::array();
  broken.push("v");
  facts.engine_facts.set("broken_views", std::move(broken));
  EXPECT_NE(engine().restore_instructions(facts).find("databases/main/broken.sql"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::mariadb

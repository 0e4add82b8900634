// SPDX-License-Identifier: Apache-2.0
#include "engine/registry.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::engine {
namespace {

TEST(Registry, FindsEnginesByName) {
  for (const Engine* engine : all_engines()) EXPECT_EQ(find_engine(engine->name()), engine);
  EXPECT_EQ(find_engine("dbase"), nullptr);
}

TEST(Registry, HasEachEngineOnce) {
  std::set<std::string_view> names;
  for (const Engine* engine : all_engines()) names.insert(engine->name());
  EXPECT_EQ(names, (std::set<std::string_view>{"derby", "h2", "mariadb", "oracle", "postgresql",
                                               "sqlite", "sqlserver", "typedb"}));
  EXPECT_EQ(all_engines().size(), names.size());
}

}  // namespace
}  // namespace holdfast::engine

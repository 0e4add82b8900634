// SPDX-License-Identifier: Apache-2.0
#include "engine/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace holdfast::engine {
namespace {

TEST(Registry, FindsEnginesByName) {
  for (const Engine* engine : all_engines()) EXPECT_EQ(find_engine(engine->name()), engine);
  EXPECT_EQ(find_engine("dbase"), nullptr);
}

TEST(Registry, ReadsFilesWithEveryEngineAndOfSqlServerWithoutOne) {
  std::set<std::string_view> names;
  for (const FileReader* reader : all_file_readers()) names.insert(reader->name());
  for (const Engine* engine : all_engines()) EXPECT_TRUE(names.contains(engine->name()));
  EXPECT_TRUE(names.contains("sqlserver"));
  EXPECT_EQ(find_engine("sqlserver"), nullptr);
}

TEST(Registry, KnowsEveryEngineItHasAndThoseToCome) {
  const auto known = known_engine_names();
  EXPECT_EQ(std::set<std::string_view>(known.begin(), known.end()).size(), 8U);
  for (const Engine* engine : all_engines()) {
    EXPECT_NE(std::find(known.begin(), known.end(), engine->name()), known.end()) << engine->name();
  }
}

}  // namespace
}  // namespace holdfast::engine

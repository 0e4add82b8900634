// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/load_checks.h"

#include <gtest/gtest.h>

namespace holdfast::engine::postgresql {
namespace {

model::DatabaseFacts facts(int version, const std::string& sha256) {
  model::DatabaseFacts facts;
  facts.engine_facts = Json::object();
  facts.engine_facts.set("server_version_num", version);
  for (const char* kind : {"table", "policy", "grants of table", "default grants", "user mapping"})
    facts.objects.push_back({kind, "public.t", sha256});
  return facts;
}

TEST(LoadChecks, ComparesWithMappedRolesAllButWhatNamesThem) {
  LoadOptions options;
  EXPECT_EQ(differences(facts(150000, "a"), facts(150000, "b"), options).size(), 5U);
  EXPECT_TRUE(not_compared(facts(150000, "a"), facts(150000, "b"), options).empty());
  options.owners = {{"one", "other"}};
  EXPECT_EQ(differences(facts(150000, "a"), facts(150000, "b"), options),
            std::vector<std::string>{"table public.t is defined differently"});
  model::DatabaseFacts less = facts(150000, "a");
  std::erase_if(less.objects, [](const auto& object) { return object.kind != "table"; });
  EXPECT_EQ(differences(facts(150000, "a"), less, options),
            (std::vector<std::string>{"policy public.t is missing",
                                      "grants of table public.t is missing"}));
  const auto lines = not_compared(facts(150000, "a"), less, options);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("[restore.owner]"), std::string::npos);
}

TEST(LoadChecks, ComparesNamesOnlyWithAnotherVersionAndSaysSo) {
  const LoadOptions options;
  model::DatabaseFacts newer = facts(160000, "b");
  EXPECT_TRUE(differences(facts(150000, "a"), newer, options).empty());
  const auto lines = not_compared(facts(150000, "a"), newer, options);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("version 16 of the server"), std::string::npos);
  newer.objects.pop_back();
  EXPECT_EQ(differences(facts(150000, "a"), newer, options).size(), 1U);
}

}  // namespace
}  // namespace holdfast::engine::postgresql

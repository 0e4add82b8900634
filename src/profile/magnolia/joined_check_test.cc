// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/joined_check.h"

#include <gtest/gtest.h>

#include "profile/magnolia/check.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::string_view record_path =
    "/s/ba/78/16/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::unique_ptr<MagnoliaCheck> check_of(const std::string& name) {
  CheckPlan plan;
  plan.workspaces = {{{name, "db", "", name + "_", false}, "/w/" + name + ".xml"}};
  plan.file_stores = {"/s"};
  plan.database_stores = {{"db", "", ""}};
  plan.repository_directory = "/r/" + name;
  return std::make_unique<MagnoliaCheck>(plan);
}

TEST(JoinedCheck, EachOfTheChecksGetsWhatItAsksFor) {
  std::vector<std::unique_ptr<model::CopyCheck>> checks;
  auto a = check_of("a");
  auto b = check_of("b");
  const MagnoliaCheck& seen_a = *a;
  const MagnoliaCheck& seen_b = *b;
  checks.push_back(std::move(a));
  checks.push_back(std::move(b));
  const auto joined = join_checks(std::move(checks));
  EXPECT_NE(joined->rows("db", {"", "a_bundle"}), nullptr);
  EXPECT_NE(joined->rows("db", {"", "b_bundle"}), nullptr);
  EXPECT_EQ(joined->rows("db", {"", "c_bundle"}), nullptr);
  EXPECT_EQ(joined->passing("/elsewhere"), nullptr);
  EXPECT_TRUE(joined->has_file("/w/b.xml", 1));
  EXPECT_FALSE(joined->has_file("/w/c.xml", 1));
  joined->stored("/w/b.xml", as_bytes("<"));
  joined->passing(std::string(record_path))->write(as_bytes("abd"));
  EXPECT_FALSE(joined->has_file(std::string(record_path), 3));
  const auto store = joined->rows("db", {"", "datastore"});
  ASSERT_NE(store, nullptr);
  store->columns({{"ID", ""}, {"LENGTH", ""}, {"DATA", ""}});
  store->row({model::Value::of_text("a9993e364706816aba3e25717850c26c9cd0d89d"),
              model::Value::integer(3), model::Value::of_bytes(as_bytes("abc"))});
  std::size_t unconfigured = 0;
  std::size_t damaged_files = 0;
  for (const model::Finding& finding : joined->findings()) {
    unconfigured += finding.code == "magnolia-workspace-unconfigured" ? 1U : 0U;
    damaged_files += finding.code == "magnolia-file-damaged" ? 1U : 0U;
  }
  EXPECT_EQ(unconfigured, 1U);
  EXPECT_EQ(damaged_files, 1U);
  for (const MagnoliaCheck* check : {&seen_a, &seen_b}) {
    EXPECT_EQ(check->result().damaged_records.count(), 1U);
    EXPECT_EQ(check->result().records, 2U);
  }
}

}  // namespace
}  // namespace holdfast::profile::magnolia

// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/restored_check.h"

#include <gtest/gtest.h>

#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/judging.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr const char* old_url = "jdbc:postgresql://old:5432/mag";

// An application that was copied, and what was restored of it beside.
class RestoredCheckTest : public testing::Test {
 protected:
  RestoredCheckTest() {
    old_.write_application("source", old_url);
    now_.write_application("source", "jdbc:postgresql://new:5432/copy");
    facts_ = restore_facts(facts_of(old_));
  }
  static MagnoliaFacts facts_of(const TestTree& tree) {
    return gather_facts({.directory = tree.application(),
                         .system_properties = {},
                         .environ = {},
                         .server_name = "host",
                         .tomcat = nullptr});
  }
  std::vector<model::Finding> check() {
    const auto place_of = [this](const std::string& path) {
      const std::string from = old_.application();
      return path.starts_with(from) ? now_.application() + path.substr(from.size()) : std::string();
    };
    const model::NameMappings names;
    return check_restored_instance(
        {facts_, true, databases_, names, place_of,
         [&](const std::string& path) { return read_configuration_file(place_of(path)); },
         left_databases_},
        facts_of(now_));
  }

  TestTree old_, now_;
  Json facts_;
  std::set<std::string> left_databases_;
  std::vector<model::RestoredInstance::Database> databases_ = {
      {"db-mag", "postgresql", "postgresql://old:5432/mag", "postgresql://new/copy"}};
};

TEST_F(RestoredCheckTest, FindsAllInItsPlace) {
  EXPECT_EQ(codes(check()), "");
}

TEST_F(RestoredCheckTest, MissesARepositoryThatIsLookedForElsewhere) {
  write_text(now_.application() + "/WEB-INF/config/host/magnolia.properties",
             "magnolia.repositories.home=" + now_.root() + "/empty\n");
  const auto findings = check();
  const model::Finding* const found = find_code(findings, "magnolia-restored-place");
  ASSERT_NE(found, nullptr) << codes(findings);
  EXPECT_NE(found->seen.find(now_.root() + "/empty/magnolia"), std::string::npos) << found->seen;
}

TEST_F(RestoredCheckTest, MissesAWorkspaceWithoutItsConfiguration) {
  std::filesystem::remove(now_.home() + "/workspaces/website/workspace.xml");
  EXPECT_EQ(codes(check()), "magnolia-restored-place blocker");
}

TEST_F(RestoredCheckTest, MissesWhatIsInAnotherDatabaseOrInOtherTables) {
  databases_[0].uri = "postgresql://new:6543/copy";
  EXPECT_NE(find_code(check(), "magnolia-restored-database"), nullptr);
  // What adapt() could not rewrite it has told.
  left_databases_ = {"db-mag"};
  EXPECT_NE(find_code(check(), "magnolia-restored-database"), nullptr) << "this is a third one";
  databases_[0].old_uri = "postgresql://new:5432/copy";
  EXPECT_EQ(codes(check()), "");
  // Nor has it told anything of what it has rewritten, and what something else overrules.
  left_databases_.clear();
  EXPECT_NE(find_code(check(), "magnolia-restored-database"), nullptr);
  databases_[0].uri = databases_[0].old_uri;
  write_text(now_.home() + "/workspaces/website/workspace.xml",
             TestTree::workspace_xml("source", "site"));
  EXPECT_NE(find_code(check(), "magnolia-restored-place"), nullptr);
  std::string other = TestTree::workspace_xml("source", "website");
  other.replace(other.find("pm_"), 3, "qm_");
  write_text(now_.home() + "/workspaces/website/workspace.xml", other);
  EXPECT_EQ(codes(check()), "magnolia-restored-database blocker");
}

TEST_F(RestoredCheckTest, ReadsTheRegistriesAsTheyAre) {
  write_text(now_.home() + "/repository/namespaces/ns_reg.properties", "a=b\n");
  EXPECT_EQ(codes(check()), "magnolia-file-damaged blocker");
}

}  // namespace
}  // namespace holdfast::profile::magnolia

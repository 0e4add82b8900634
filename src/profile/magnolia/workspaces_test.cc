// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/workspaces.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/judging.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

class WorkspacesTest : public testing::Test {
 protected:
  // An instance as it was copied, and the same as it is now.
  void make(const std::string& engine) {
    for (const TestTree* tree : {&copied_, &now_}) {
      tree->write_application(engine, "jdbc:postgresql://host:5432/mag");
      write_registries(*tree, "", "");
    }
  }
  static void write_registries(const TestTree& tree, const std::string& prefix,
                               const std::string& type) {
    write_text(tree.home() + "/repository/namespaces/ns_reg.properties",
               "jcr=http\\://www.jcp.org/jcr/1.0\n" + prefix);
    write_text(tree.home() + "/repository/nodetypes/custom_nodetypes.xml",
               "<nodeTypes xmlns:m='urn:m'><nodeType name='m:page'/>" + type + "</nodeTypes>");
  }
  static MagnoliaFacts facts_of(const TestTree& tree) {
    return gather_facts({.directory = tree.application(),
                         .system_properties = {},
                         .environ = {},
                         .server_name = "host",
                         .tomcat = nullptr});
  }
  [[nodiscard]] model::Workspace website() const {
    for (const model::Workspace& one : workspaces_of(restore_facts(facts_of(copied_)))) {
      if (one.name == "website") return one;
    }
    throw Error(Errc::not_found, "there is no website");
  }
  [[nodiscard]] model::WorkspaceTarget place() const {
    model::DatabaseSettings database;
    database.name = "db-mag";
    database.uri = "postgresql://host:5432/mag";
    return place_workspace(website(), facts_of(now_), {database}, read_configuration_file);
  }

  TestTree copied_, now_;
};

TEST_F(WorkspacesTest, AreTheirTablesAndTheirDirectory) {
  make("source");
  const model::Workspace workspace = website();
  EXPECT_EQ(workspace.repository, "magnolia");
  EXPECT_EQ(workspace.directory, copied_.home() + "/workspaces/website");
  EXPECT_EQ(workspace.component, "db-mag");
  EXPECT_FALSE(workspace.owns_database);
  ASSERT_EQ(workspace.tables.size(), 4U);
  EXPECT_EQ(workspace.tables[0].display(), "public.pm_website_bundle");
  EXPECT_EQ(workspace.stores, std::vector<std::string>{copied_.home() + "/repository/datastore"});
}

TEST_F(WorkspacesTest, AreTheirOwnDatabaseWhereThatIsEmbedded) {
  make("derby");
  EXPECT_TRUE(website().owns_database);
  EXPECT_EQ(website().component, "website");
  EXPECT_TRUE(workspaces_of(Json::object()).empty());
}

TEST_F(WorkspacesTest, GoWhereTheInstanceHasThem) {
  make("source");
  const model::WorkspaceTarget target = place();
  EXPECT_EQ(target.directory, now_.home() + "/workspaces/website");
  ASSERT_TRUE(target.database.has_value());
  EXPECT_EQ(target.database->uri, "postgresql://host:5432/mag");
  EXPECT_EQ(target.stores, std::vector<std::string>{now_.home() + "/repository/datastore"});
  EXPECT_EQ(codes(target.findings), "magnolia-workspace-versions warning");
}

TEST_F(WorkspacesTest, AreRefusedWhereTheirTypesAndNamespacesAreNotRegistered) {
  make("source");
  write_registries(copied_, "x=urn\\:x\n", "<nodeType name='m:product'/>");
  const model::WorkspaceTarget target = place();
  const model::Finding* const found = find_code(target.findings, "magnolia-workspace-registry");
  ASSERT_NE(found, nullptr) << codes(target.findings);
  EXPECT_NE(found->seen.find("urn:x"), std::string::npos) << found->seen;
  EXPECT_NE(found->seen.find("{urn:m}product"), std::string::npos) << found->seen;
  std::filesystem::remove_all(now_.home() + "/repository/nodetypes");
  EXPECT_NE(find_code(place().findings, "magnolia-workspace-registry-unobservable"), nullptr);
}

TEST_F(WorkspacesTest, AreRefusedWhereTheApplicationLooksForThemInOtherTables) {
  make("source");
  std::string other = TestTree::workspace_xml("source", "website");
  other.replace(other.find("pm_"), 3, "qm_");
  write_text(now_.home() + "/workspaces/website/workspace.xml", other);
  EXPECT_NE(find_code(place().findings, "magnolia-workspace-place"), nullptr);
}

TEST_F(WorkspacesTest, RemoveTheirIndexOrAreRefused) {
  make("source");
  const auto move_index = [](const TestTree& tree, const std::string& to) {
    std::string text = TestTree::workspace_xml("source", "website");
    text.replace(text.find("${wsp.home}/index"), 17, to);
    write_text(tree.home() + "/workspaces/website/workspace.xml", text);
  };
  EXPECT_EQ(website().facts.at("remove").as_array().size(), 1U);
  for (const char* const elsewhere : {"${rep.home}/indexes/website", "${wsp.home}"}) {
    move_index(copied_, elsewhere);
    EXPECT_TRUE(website().facts.at("remove").as_array().empty()) << elsewhere;
    EXPECT_NE(find_code(place().findings, "magnolia-workspace-place"), nullptr) << elsewhere;
    move_index(copied_, "${wsp.home}/index");
    EXPECT_EQ(find_code(place().findings, "magnolia-workspace-place"), nullptr);
    move_index(now_, elsewhere);
    EXPECT_NE(find_code(place().findings, "magnolia-workspace-place"), nullptr) << elsewhere;
    move_index(now_, "${wsp.home}/index");
  }
}

}  // namespace
}  // namespace holdfast::profile::magnolia

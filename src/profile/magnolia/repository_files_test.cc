// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/repository_files.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

template <typename Body>
std::string refusal(Body body) {
  try {
    static_cast<void>(body());
    return "";
  } catch (const Error& error) {
    return error.message();
  }
}

TEST(RepositoryFiles, MapsSeveralRepositories) {
  const auto repositories = parse_repositories(
      "<JCR><RepositoryMapping>"
      "<Map name='website' repositoryName='magnolia' workspaceName='website'/>"
      "<Map name='dam' repositoryName='magnolia_dam' workspaceName='damspace'/>"
      "<Map name='config' repositoryName='magnolia'/></RepositoryMapping>\n"
      "<Repository name='magnolia' provider='p' loadOnStartup='true'>"
      "<param name='configFile' value='${c}'/><workspace name='website'/></Repository>\n"
      "<Repository name='magnolia_dam'/></JCR>",
      "r.xml");
  ASSERT_EQ(repositories.size(), 2U);
  EXPECT_EQ(repositories[0].parameters.at("configFile"), "${c}");
  EXPECT_EQ(repositories[0].workspaces, (std::vector<std::string>{"website", "config"}));
  EXPECT_EQ(repositories[1].workspaces, std::vector<std::string>{"damspace"});
  EXPECT_EQ(repositories[1].line, 3U);
}

TEST(RepositoryFiles, ReadsARepositoryConfiguration) {
  const RepositoryConfig config = parse_repository_config(
      "<!DOCTYPE Repository PUBLIC 'x' 'http://jackrabbit.apache.org/dtd/repository-2.0.dtd'>\n"
      "<Repository><DataSources><DataSource name='m'><param name='url' value='u'/></DataSource>"
      "</DataSources><FileSystem class='F'><param name='path' value='p'/></FileSystem>\n"
      "<DataStore class='org.apache.jackrabbit.core.data.MultiDataStore'>"
      "<param name='primary' value='P'><param name='path' value='1'/></param>"
      "<param name='secondary' value='S'><param name='path' value='2'/></param></DataStore>"
      "<Workspaces rootPath='${rep.home}/w' defaultWorkspace='default'/>"
      "<Workspace name='default'><PersistenceManager class='T'/></Workspace>"
      "<Versioning rootPath='${rep.home}/version'><PersistenceManager class='V'/></Versioning>"
      "<Cluster id='n1'><Journal class='J'/></Cluster></Repository>",
      "c.xml");
  EXPECT_EQ(config.data_sources.at("m").get("url"), "u");
  EXPECT_EQ(config.file_system->get("path"), "p");
  ASSERT_EQ(config.data_store->inner.size(), 2U);
  EXPECT_EQ(config.data_store->inner[1].class_name, "S");
  EXPECT_EQ(config.data_store->inner[1].get("path"), "2");
  EXPECT_EQ(config.workspaces_root, "${rep.home}/w");
  EXPECT_EQ(config.version_persistence_manager->class_name, "V");
  EXPECT_EQ(config.version_root, "${rep.home}/version");
  EXPECT_TRUE(config.is_cluster);
  EXPECT_EQ(config.cluster_id, "n1");
  EXPECT_EQ(config.journal->class_name, "J");
}

TEST(RepositoryFiles, RefusesWhatIsSomethingElse) {
  EXPECT_EQ(refusal([] { return parse_repositories("<a/>", "r.xml"); }),
            "r.xml:1: <a> where <JCR> was expected");
  EXPECT_EQ(refusal([] { return parse_repositories("<JCR>\n<Repository/></JCR>", "r.xml"); }),
            "r.xml:2: <Repository> lacks name");
  EXPECT_EQ(refusal([] {
              return parse_repositories("<JCR><Repository name='a'/><Repository name='a'/></JCR>",
                                        "r.xml");
            }),
            "r.xml:1: two repositories named a");
  EXPECT_EQ(refusal([] { return parse_repository_config("<Repository/>", "c.xml"); }),
            "c.xml:1: <Repository> lacks <Workspaces>");
  EXPECT_EQ(refusal([] {
              return parse_workspace_config("<Workspace><FileSystem class='&#10;'/></Workspace>",
                                            "w.xml");
            }),
            "w.xml:1: a value with control characters");
}

TEST(RepositoryFiles, ReadsTheChainOfWebXml) {
  EXPECT_EQ(parse_initialization_files(
                "<web-app><context-param><param-name>magnolia.initialization.file</param-name>"
                "<param-value>WEB-INF/a.properties,\n  WEB-INF/b.properties</param-value>"
                "</context-param></web-app>",
                "web.xml"),
            (std::vector<std::string>{"WEB-INF/a.properties", "WEB-INF/b.properties"}));
  EXPECT_TRUE(parse_initialization_files("<web-app/>", "web.xml").empty());
}

TEST(RepositoryFiles, TakesOldNamesForThoseOfToday) {
  const std::string package = "org.apache.jackrabbit.core.persistence.";
  EXPECT_EQ(keeping_of(package + "pool.DerbyPersistenceManager"), Keeping::bundle_tables);
  EXPECT_EQ(keeping_of(package + "bundle.PostgreSQLPersistenceManager"), Keeping::bundle_tables);
  EXPECT_EQ(keeping_of(package + "bundle.BundleFsPersistenceManager"), Keeping::bundle_files);
  EXPECT_EQ(keeping_of(package + "mem.InMemBundlePersistenceManager"), Keeping::memory);
  EXPECT_EQ(keeping_of(package + "db.SimpleDbPersistenceManager"), Keeping::other_tables);
  EXPECT_EQ(keeping_of(package + "xml.XMLPersistenceManager"), Keeping::other_files);
  EXPECT_EQ(keeping_of("com.example.OurManager"), Keeping::unknown);
  EXPECT_EQ(engine_of_class(package + "bundle.MySqlPersistenceManager"), "mariadb");
  EXPECT_EQ(engine_of_class(package + "pool.BundleDbPersistenceManager"), "");
}

TEST(RepositoryFiles, EscapesPrefixesAsJackrabbitDoes) {
  EXPECT_EQ(table_prefix("postgresql", "pm_my-site_"), "PM_MY_x002d_SITE_");
  EXPECT_EQ(table_prefix("oracle", "pm_my-site$_"), "PM_MY_SITE$_");
  EXPECT_EQ(table_prefix("derby", "\xC3\xA4\xC3\x9F\xF0\x9F\x98\x80"), "_x00c4_SS_xd83d__xde00_");
  EXPECT_EQ(catalog_name("postgresql", "PM_MY_x002d_SITE_"), "pm_my_x002d_site_");
  EXPECT_EQ(catalog_name("derby", "PM_MY_x002d_SITE_"), "PM_MY_X002D_SITE_");
  EXPECT_EQ(catalog_name("mariadb", "PM_MY_x002d_SITE_"), "PM_MY_x002d_SITE_");
}

}  // namespace
}  // namespace holdfast::profile::magnolia

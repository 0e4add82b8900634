// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "profile/magnolia/facts.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;

class MagnoliaFactsTest : public testing::Test {
 protected:
  [[nodiscard]] MagnoliaFacts gather(const Variables& properties = {},
                                     const Tomcat* tomcat = nullptr,
                                     std::vector<std::string> environ = {}) const {
    return gather_facts({.directory = tree_.application(),
                         .system_properties = properties,
                         .environ = std::move(environ),
                         .server_name = "host1",
                         .tomcat = tomcat});
  }
  static Variables properties(const std::string& name, const std::string& value) {
    Variables result;
    result.set(name, value, "-D");
    return result;
  }
  TestTree tree_;
};

TEST_F(MagnoliaFactsTest, ReadsAnEmbeddedInstance) {
  tree_.write_application("derby");
  const MagnoliaFacts facts = gather();
  EXPECT_EQ(codes(facts.findings), "magnolia-workspace-unused note");
  EXPECT_EQ(facts.name, "magnoliaAuthor");
  EXPECT_TRUE(facts.is_author);
  EXPECT_EQ(facts.chain.size(), 2U);
  ASSERT_EQ(facts.repositories.size(), 1U);
  const RepositoryFact& repository = facts.repositories[0];
  EXPECT_EQ(repository.home, tree_.home());
  EXPECT_TRUE(repository.where.ends_with("repositories.xml:2")) << repository.where;
  ASSERT_EQ(repository.workspaces.size(), 2U);
  const WorkspaceFact& website = repository.workspaces[1];
  EXPECT_EQ(website.name, "website");
  EXPECT_TRUE(website.has_index);
  EXPECT_EQ(website.persistence.connection, "website");
  EXPECT_EQ(website.persistence.table_prefix, "WEBSITE_");
  EXPECT_EQ(website.persistence.where, tree_.home() + "/workspaces/website/workspace.xml:3");
  EXPECT_EQ(facts.connection("website")->uri, "derby:" + tree_.home() + "/workspaces/website/db");
  EXPECT_EQ(facts.connection("version")->uri, "derby:" + tree_.home() + "/version/db");
  ASSERT_EQ(repository.data_stores.size(), 1U);
  EXPECT_EQ(repository.data_stores[0].path, tree_.home() + "/repository/datastore");
  EXPECT_EQ(repository.data_stores[0].record_bytes_min, 1024U);
  EXPECT_EQ(facts.key_pair.path, tree_.application() + "/WEB-INF/config/default/key.properties");
}

TEST_F(MagnoliaFactsTest, NamesH2FilesWithTheirSuffix) {
  tree_.write_application("h2");
  EXPECT_EQ(gather().connection("website")->uri,
            "h2:" + tree_.home() + "/workspaces/website/db.mv.db");
  write_text(tree_.home() + "/workspaces/website/db.h2.db", "-- H2");
  EXPECT_EQ(gather().connection("website")->uri,
            "h2:" + tree_.home() + "/workspaces/website/db.h2.db");
}

TEST_F(MagnoliaFactsTest, PutsAllWorkspacesOfAServerIntoOneConnection) {
  tree_.write_application("source", "jdbc:postgresql://db1/mag");
  const MagnoliaFacts facts = gather(properties("db.password", "geheim"));
  ASSERT_EQ(facts.connections.size(), 1U);
  EXPECT_EQ(facts.connections[0].component, "db-mag");
  EXPECT_EQ(facts.connections[0].uri, "postgresql://db1:5432/mag");
  EXPECT_EQ(facts.connections[0].user, "mag");
  EXPECT_EQ(facts.connections[0].password->reveal(), "geheim");
  EXPECT_EQ(facts.secret_properties, std::set<std::string>{"db.password"});
  EXPECT_EQ(facts.repositories[0].workspaces[1].persistence.table_prefix, "pm_website_");
  EXPECT_NE(find_code(gather().findings, "magnolia-password-unknown"), nullptr);
}

TEST_F(MagnoliaFactsTest, LeadsToSqlServer) {
  tree_.write_application("source",
                          "jdbc:sqlserver://db1\\inst;databaseName=mag;integratedSecurity=true;"
                          "authenticationScheme=NTLM;domain=DOM;encrypt=false;failoverPartner=db2");
  const std::string website = tree_.home() + "/workspaces/website/workspace.xml";
  std::string text = read_text_file(website);
  for (const auto& [old_text, new_text] :
       {std::pair<std::string, std::string>{"bundle.PostgreSQLPersistenceManager'>",
                                            "pool.MSSqlPersistenceManager'>"
                                            "<param name='tableSpace' value='CONTENT'/>"},
        {"'pm_${wsp.name}_'", "'pm_$#@-${wsp.name}_'"}})
    text.replace(text.find(old_text), old_text.size(), new_text);
  write_text(website, text);
  const MagnoliaFacts facts = gather(properties("db.password", "geheim"));
  ASSERT_EQ(facts.connections.size(), 1U);
  const Connection& connection = facts.connections[0];
  EXPECT_EQ(connection.component, "db-mag");
  EXPECT_EQ(connection.engine, "sqlserver");
  EXPECT_EQ(connection.uri, "sqlserver://db1/mag?instance=inst");
  EXPECT_EQ(connection.user, "DOM\\mag");
  EXPECT_EQ(connection.password->reveal(), "geheim");
  EXPECT_EQ(connection.options.at("tls"), "required");
  EXPECT_EQ(connection.remarks.size(), 1U);
  EXPECT_EQ(facts.repositories[0].workspaces[1].persistence.table_prefix, "PM_$#@_x002d_WEBSITE_");
  const model::Finding* const group = find_code(facts.findings, "magnolia-filegroup");
  ASSERT_NE(group, nullptr);
  EXPECT_NE(group->seen.find("CONTENT"), std::string::npos);
  EXPECT_EQ(group->component, "db-mag");
}

TEST_F(MagnoliaFactsTest, TakesNoAccountWhereATicketLogsIn) {
  tree_.write_application("source",
                          "jdbc:sqlserver://db1;databaseName=mag;integratedSecurity=true");
  const MagnoliaFacts facts = gather(properties("db.password", "geheim"));
  EXPECT_EQ(facts.connections.at(0).user, "");
  EXPECT_EQ(facts.connections[0].password, nullptr);
}

TEST_F(MagnoliaFactsTest, HonoursTheOrderOfTheChain) {
  tree_.write_application("derby");
  const std::string base = tree_.application() + "/WEB-INF/config/";
  const auto resources = [&](const MagnoliaFacts& facts) { return facts.resources.path; };
  write_text(base + "magnolia.properties", "magnolia.resources.dir=/weakest\n");
  EXPECT_EQ(resources(gather()), "/weakest");
  write_text(base + "magnoliaAuthor/magnolia.properties", "magnolia.resources.dir=/app\n");
  EXPECT_EQ(resources(gather()), "/app");
  write_text(base + "host1/magnolia.properties", "magnolia.resources.dir=/server\n");
  EXPECT_EQ(resources(gather()), "/server");
  write_text(base + "host1/magnoliaAuthor/magnolia.properties", "magnolia.resources.dir=/both\n");
  EXPECT_EQ(resources(gather()), "/both");
  EXPECT_EQ(resources(gather({}, nullptr, {"MAGNOLIA_RESOURCES_DIR=/env"})), "/env");
  EXPECT_EQ(resources(gather(properties("magnolia.resources.dir", "/jvm"), nullptr,
                             {"MAGNOLIA_RESOURCES_DIR=/env"})),
            "/jvm");
}

TEST_F(MagnoliaFactsTest, FollowsMagnoliaHomeElsewhere) {
  tree_.write_application("derby");
  const std::string elsewhere = tree_.root() + "/data";
  fs::create_directories(elsewhere);
  fs::rename(tree_.application() + "/repositories", elsewhere + "/repositories");
  const std::string file = tree_.application() + "/WEB-INF/config/default/magnolia.properties";
  std::string text = read_text_file(file);
  text += "magnolia.home=${data.root}\n";
  write_text(file, text);
  const MagnoliaFacts facts = gather(properties("data.root", elsewhere));
  EXPECT_EQ(facts.repositories.at(0).home, elsewhere + "/repositories/magnolia");
  EXPECT_EQ(facts.repositories[0].workspaces.size(), 2U);
  EXPECT_TRUE(facts.used_properties.contains("data.root"));
  const MagnoliaFacts unknown = gather();
  ASSERT_NE(find_code(unknown.findings, "magnolia-variable-undefined"), nullptr);
  EXPECT_NE(find_code(unknown.findings, "magnolia-variable-undefined")->seen.find("${data.root}"),
            std::string::npos);
}

TEST_F(MagnoliaFactsTest, ReadsSeveralRepositories) {
  tree_.write_application("derby");
  const std::string file = tree_.application() + "/WEB-INF/config/default/repositories.xml";
  std::string text = read_text_file(file);
  text.replace(text.find("</JCR>"), 6,
               "<Repository name='magnolia_dam' provider='p'><workspace name='website'/>"
               "</Repository></JCR>");
  write_text(file, text);
  const std::string second = tree_.application() + "/repositories/magnolia_dam";
  fs::copy(tree_.home(), second, fs::copy_options::recursive);
  const MagnoliaFacts facts = gather();
  ASSERT_EQ(facts.repositories.size(), 2U);
  EXPECT_EQ(facts.repositories[1].home, second);
  EXPECT_EQ(facts.repositories[1].workspaces[1].persistence.connection, "magnolia_dam-website");
  EXPECT_EQ(facts.connection("magnolia_dam-version")->uri, "derby:" + second + "/version/db");
}

TEST_F(MagnoliaFactsTest, ResolvesNamesOfTomcat) {
  tree_.write_application("source", "java:comp/env/jdbc/Mag");
  EXPECT_NE(find_code(gather().findings, "magnolia-jndi-unresolved"), nullptr);
  const std::string tomcat = tree_.root() + "/tomcat";
  write_text(tomcat + "/conf/server.xml", "<Server/>");
  write_text(tomcat + "/conf/context.xml",
             "<Context>\n<Resource name='jdbc/Mag' url='jdbc:mysql://h/mag' username='u' "
             "password='geheim'/></Context>");
  const auto found = Tomcat::at(tomcat, {});
  ASSERT_TRUE(found);
  const MagnoliaFacts facts = gather({}, &*found);
  ASSERT_EQ(facts.connections.size(), 1U);
  EXPECT_EQ(facts.connections[0].uri, "mysql://h:3306/mag");
  EXPECT_EQ(facts.connections[0].user, "u");
  EXPECT_EQ(facts.connections[0].password->reveal(), "geheim");
  EXPECT_EQ(facts.connections[0].where, tomcat + "/conf/context.xml:2");
  EXPECT_NE(std::find(facts.configuration_files.begin(), facts.configuration_files.end(),
                      tomcat + "/conf/context.xml"),
            facts.configuration_files.end());
}

TEST_F(MagnoliaFactsTest, NamesWorkspacesWithoutConfiguration) {
  tree_.write_application("derby");
  fs::remove(tree_.home() + "/workspaces/website/workspace.xml");
  fs::create_directories(tree_.home() + "/workspaces/old");
  fs::create_directories(tree_.home() + "/workspaces/version");  // the version store's
  const MagnoliaFacts facts = gather();
  EXPECT_EQ(codes(facts.findings),
            "magnolia-workspace-unconfigured warning, magnolia-workspace-unconfigured blocker, "
            "magnolia-workspace-unused note");
}

TEST_F(MagnoliaFactsTest, NamesWhatItCannotRead) {
  tree_.write_application("derby");
  write_text(tree_.home() + "/workspaces/website/workspace.xml", "<Workspace>\n<oops");
  const MagnoliaFacts facts = gather();
  const model::Finding* finding = find_code(facts.findings, "magnolia-configuration-unobservable");
  ASSERT_NE(finding, nullptr);
  EXPECT_NE(finding->seen.find("website/workspace.xml:2: no well-formed XML"), std::string::npos)
      << finding->seen;
  // Opening a pipe would wait for ever.
  fs::remove(tree_.home() + "/workspaces/website/workspace.xml");
  ASSERT_EQ(::mkfifo((tree_.home() + "/workspaces/website/workspace.xml").c_str(), 0600), 0);
  EXPECT_NE(
      find_code(gather().findings, "magnolia-configuration-unobservable")->seen.find("no regular"),
      std::string::npos);
  write_text(tree_.home() + "/workspaces/website/workspace.xml",
             "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Workspace>&x;</Workspace>");
  EXPECT_NE(
      find_code(gather().findings, "magnolia-configuration-unobservable")->seen.find("entity"),
      std::string::npos);
  fs::remove(tree_.application() + "/WEB-INF/config/repo-conf/jr.xml");
  EXPECT_NE(find_code(gather().findings, "magnolia-configuration-unobservable"), nullptr);
}

TEST_F(MagnoliaFactsTest, RefusesPathsThatCannotBeTold) {
  for (const char* path : {"${rep.home}/../../../../etc", "relative/datastore", "/", "${nowhere}/d",
                           "C:\\data\\..\\x"}) {
    tree_.write_application("derby");
    const std::string file = tree_.application() + "/WEB-INF/config/repo-conf/jr.xml";
    std::string text = read_text_file(file);
    const std::string usual = "${rep.home}/repository/datastore";
    text.replace(text.find(usual), usual.size(), path);
    write_text(file, text);
    const MagnoliaFacts facts = gather();
    EXPECT_EQ(facts.repositories.at(0).data_stores.at(0).path, "") << path;
    const model::Finding* finding =
        find_code(facts.findings, path[1] == '{' && path[2] == 'n' ? "magnolia-variable-undefined"
                                                                   : "magnolia-path-unclear");
    ASSERT_NE(finding, nullptr) << path << ": " << codes(facts.findings);
    EXPECT_EQ(finding->severity, model::Severity::blocker);
  }
}

TEST_F(MagnoliaFactsTest, FollowsNoLinkOutOfTheInstance) {
  tree_.write_application("derby");
  fs::create_directories(tree_.root() + "/big");
  fs::rename(tree_.home() + "/repository/datastore", tree_.root() + "/big/datastore");
  fs::create_symlink(tree_.root() + "/big/datastore", tree_.home() + "/repository/datastore");
  const MagnoliaFacts facts = gather();
  const model::Finding* finding = find_code(facts.findings, "magnolia-link-out");
  ASSERT_NE(finding, nullptr) << codes(facts.findings);
  EXPECT_EQ(finding->severity, model::Severity::blocker);
  ASSERT_EQ(facts.led_out.size(), 1U);
  EXPECT_EQ(facts.led_out[0].path, fs::weakly_canonical(tree_.root() + "/big/datastore").string());
  // One that stays within is none of that kind.
  fs::remove(tree_.home() + "/repository/datastore");
  fs::create_directories(tree_.application() + "/ds");
  fs::create_symlink(tree_.application() + "/ds", tree_.home() + "/repository/datastore");
  EXPECT_EQ(find_code(gather().findings, "magnolia-link-out"), nullptr);
}

TEST_F(MagnoliaFactsTest, NamesStoresThatAreNotCopied) {
  tree_.write_application("derby");
  const std::string file = tree_.application() + "/WEB-INF/config/repo-conf/jr.xml";
  const std::string whole = read_text_file(file);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = whole;
    text.replace(text.find(from), from.size(), to);
    write_text(file, text);
    return gather().findings;
  };
  EXPECT_NE(
      find_code(with("core.data.FileDataStore", "aws.ext.ds.S3DataStore"), "magnolia-datastore-s3"),
      nullptr);
  EXPECT_NE(
      find_code(with("core.data.FileDataStore", "core.data.Odd"), "magnolia-datastore-unknown"),
      nullptr);
  EXPECT_NE(
      find_code(with("repository/datastore", "repository/gone"), "magnolia-datastore-missing"),
      nullptr);
  EXPECT_NE(find_code(with("pool.Derby", "odd.Derby"), "magnolia-persistence-unknown"), nullptr);
  EXPECT_NE(find_code(with("<Versioning",
                           "<Cluster id='n1'><Journal class='x.DatabaseJournal'>"
                           "<param name='url' value='jdbc:postgresql://h/j'/>"
                           "<param name='schemaObjectPrefix' value='journal_'/></Journal>"
                           "</Cluster><Versioning"),
                      "magnolia-cluster"),
            nullptr);
  const MagnoliaFacts cluster = gather();
  EXPECT_EQ(cluster.repositories[0].cluster_id, "n1");
  EXPECT_EQ(cluster.repositories[0].journal.connection, "db-j");
  EXPECT_EQ(cluster.repositories[0].journal.table_prefix, "journal_");
}

}  // namespace
}  // namespace holdfast::profile::magnolia

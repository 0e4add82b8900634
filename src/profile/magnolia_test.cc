// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "model/test_finding_codes.h"
#include "profile/instance_file.h"
#include "profile/magnolia/test_tree.h"

namespace holdfast::profile {
namespace {

namespace fs = std::filesystem;
using magnolia::codes;
using magnolia::find_code;
using magnolia::write_text;

class MagnoliaProfileTest : public testing::Test {
 protected:
  [[nodiscard]] model::Instance instance(std::string_view name = "magnoliaAuthor") const {
    model::Instance one;
    one.name = name;
    one.profile = "magnolia";
    one.home = tree_.application(name);
    one.quiesce.when = model::QuiesceWhen::needed;
    return one;
  }
  [[nodiscard]] std::vector<model::FoundInstance> find(const std::string& directory) const {
    return profile_.discover({.directory = directory, .argv = {}, .environ = {}}, {});
  }
  static std::string text_of(const model::FoundInstance& found) {
    return to_toml(found.instance, found.comments) + [&] {
      std::string text;
      for (const auto& [component, comment] : found.comments) text += comment;
      return text;
    }();
  }
  MagnoliaProfile profile_;
  magnolia::TestTree tree_;
};

TEST_F(MagnoliaProfileTest, CopiesDatabasesBeforeTheDataStoreAndThatBeforeTheRest) {
  tree_.write_application("derby");
  const model::Plan plan = profile_.plan(instance());
  ASSERT_EQ(plan.databases.size(), 3U);
  EXPECT_EQ(plan.databases[0].name, "version");
  EXPECT_EQ(plan.databases[1].name, "config");
  EXPECT_EQ(plan.databases[2].name, "website");
  ASSERT_EQ(plan.files.size(), 2U);
  EXPECT_EQ(plan.files[0].name, "datastore");
  EXPECT_EQ(plan.files[0].paths, std::vector<std::string>{tree_.home() + "/repository/datastore"});
  EXPECT_EQ(plan.files[0].exclude,
            std::vector<std::string>{tree_.home() + "/repository/datastore/tmp*"});
  EXPECT_EQ(plan.files[0].after, (std::vector<std::string>{"version", "config", "website"}));
  EXPECT_EQ(plan.files[1].name, "files");
  EXPECT_EQ(plan.files[1].paths, std::vector<std::string>{tree_.application()});
  EXPECT_EQ(plan.files[1].after.back(), "datastore");
  const auto excludes = [&](const std::string& path) {
    const auto& list = plan.files[1].exclude;
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  EXPECT_TRUE(excludes(tree_.home() + "/repository/datastore"));
  EXPECT_TRUE(excludes(tree_.home() + "/workspaces/website/db"));
  EXPECT_TRUE(excludes(tree_.home() + "/version/db"));
  EXPECT_TRUE(excludes(tree_.home() + "/workspaces/website/index"));
  EXPECT_TRUE(excludes(tree_.home() + "/.lock"));
  EXPECT_TRUE(excludes(tree_.application() + "/cache"));
  EXPECT_TRUE(excludes(tree_.application() + "/logs"));
  EXPECT_TRUE(excludes(tree_.application() + "/tmp"));
  EXPECT_EQ(codes(plan.findings), "magnolia-workspace-unused note");
}

TEST_F(MagnoliaProfileTest, IncludesTheSearchIndexOnlyFromAStoppedInstance) {
  tree_.write_application("derby");
  model::Instance one = instance();
  one.magnolia.includes_search_index = true;
  const model::Plan plan = profile_.plan(one);
  EXPECT_NE(find_code(plan.findings, "magnolia-index-needs-stop"), nullptr);
  for (const std::string& pattern : plan.files[1].exclude)
    EXPECT_EQ(pattern.find("/index"), std::string::npos) << pattern;
}

TEST_F(MagnoliaProfileTest, NamesAnIndexThatWasCopiedWhileItsRepositoryWasOpen) {
  tree_.write_application("derby");
  model::Instance one = instance();
  one.magnolia.includes_search_index = true;
  const std::string index = tree_.home() + "/workspaces/website/index";
  const std::string lock = tree_.home() + "/.lock";
  magnolia::write_text(lock, "");
  const model::Plan plan = profile_.plan(one);
  const auto seen_in = [&](const std::string& file) {
    const auto check = plan.make_check();
    static_cast<void>(check->has_file(file, 1));
    return find_code(check->findings(), "magnolia-index-needs-stop") != nullptr;
  };
  EXPECT_FALSE(seen_in(index + "/segments"));
  const Fd opened = open_file(lock, O_RDWR);
  struct flock all {};
  all.l_type = F_WRLCK;
  all.l_whence = SEEK_SET;
  ASSERT_EQ(::fcntl(opened.get(), F_OFD_SETLK, &all), 0);
  EXPECT_TRUE(seen_in(index + "/segments"));
  EXPECT_FALSE(seen_in(tree_.home() + "/workspaces/website/workspace.xml"));
}

TEST_F(MagnoliaProfileTest, LeavesNothingOutThatHoldsMore) {
  tree_.write_application("derby");
  const std::string file =
      tree_.application() + "/WEB-INF/config/magnoliaAuthor/magnolia.properties";
  write_text(file, "magnolia.logs.dir=${magnolia.home}/repositories\n");
  const model::Plan plan = profile_.plan(instance());
  EXPECT_NE(find_code(plan.findings, "magnolia-left-out-holds-more"), nullptr);
  for (const std::string& pattern : plan.files[1].exclude)
    EXPECT_NE(pattern, tree_.application() + "/repositories");
}

TEST_F(MagnoliaProfileTest, NeitherLeavesOutNorRemovesAnIndexThatHoldsMore) {
  tree_.write_application("derby");
  const std::string website = tree_.home() + "/workspaces/website";
  std::string text = magnolia::TestTree::workspace_xml("derby", "website");
  text.replace(text.find("${wsp.home}/index"), 17, "${wsp.home}");
  magnolia::write_text(website + "/workspace.xml", text);
  const model::Plan plan = profile_.plan(instance());
  const auto removed = [](const model::Plan& of) {
    std::set<std::string> paths;
    for (const Json& one : of.facts.at("remove").as_array()) paths.insert(one.as_string());
    return paths;
  };
  EXPECT_FALSE(removed(plan).contains(website));
  EXPECT_TRUE(removed(plan).contains(tree_.home() + "/workspaces/config/index"));
  for (const model::FilesSettings& files : plan.files)
    EXPECT_EQ(std::count(files.exclude.begin(), files.exclude.end(), website), 0);
  const model::Finding* const found = find_code(plan.findings, "magnolia-left-out-holds-more");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->severity, model::Severity::warning);
}

TEST_F(MagnoliaProfileTest, TakesWhatTheInstanceFileSaysOfADatabase) {
  tree_.write_application("source", "jdbc:postgresql://db1/mag");
  model::Instance one = instance();
  one.magnolia.system_properties["db.password"] = "application";
  const model::Plan plain = profile_.plan(one);
  ASSERT_EQ(plain.databases.size(), 1U);
  EXPECT_EQ(plain.databases[0].user, "mag");
  EXPECT_EQ(plain.databases[0].password.known->reveal(), "application");
  EXPECT_EQ(plain.databases[0].options.at("application_user"), "mag");
  EXPECT_EQ(plain.databases[0].options.at("application_schema"), "");
  model::DatabaseSettings given;
  given.name = "db-mag";
  given.engine = "postgresql";
  given.uri = "postgresql://standby/mag";
  given.user = "holdfast";
  given.password.file = "/etc/pw";
  one.databases.push_back(given);
  const model::Plan plan = profile_.plan(one);
  ASSERT_EQ(plan.databases.size(), 1U);
  EXPECT_EQ(plan.databases[0].uri, "postgresql://standby/mag");
  EXPECT_EQ(plan.databases[0].user, "holdfast");
  EXPECT_EQ(plan.databases[0].password.file, "/etc/pw");
  EXPECT_EQ(plan.databases[0].password.known, nullptr);
  // Whoever copies, it is the application whose rights are looked at.
  EXPECT_EQ(plan.databases[0].options.at("application_user"), "mag");
}

TEST_F(MagnoliaProfileTest, SaysWhatSqlServersUrlAsksUntilTheInstanceFileAnswers) {
  tree_.write_application("source",
                          "jdbc:sqlserver://db1;databaseName=mag;hostNameInCertificate=db1.example;"
                          "authentication=ActiveDirectoryPassword");
  model::Instance one = instance();
  one.magnolia.system_properties["db.password"] = "application";
  const auto asked = [&] {
    std::string words;
    for (const model::Finding& finding : profile_.plan(one).findings) {
      if (finding.code != "magnolia-connection-option") continue;
      EXPECT_EQ(finding.component, "db-mag");
      words += std::string(model::severity_name(finding.severity)) + " " +
               finding.seen.substr(finding.seen.rfind(' ') + 1) + "; ";
    }
    return words;
  };
  EXPECT_EQ(asked(),
            "warning hostNameInCertificate=db1.example; blocker "
            "authentication=ActiveDirectoryPassword; ");
  model::DatabaseSettings given;
  given.name = "db-mag";
  given.engine = "sqlserver";
  given.uri = "sqlserver://db1/mag";
  given.user = "holdfast";
  one.databases = {given};
  EXPECT_EQ(asked(), "warning hostNameInCertificate=db1.example; ");
  one.databases[0].uri = "sqlserver://db1.example/mag";
  EXPECT_EQ(asked(), "");
  one.databases[0].uri = given.uri;
  one.databases[0].options["tls"] = "required";
  EXPECT_EQ(asked(), "");
}

TEST_F(MagnoliaProfileTest, NamesTheApplicationsUserOnSqlServer) {
  tree_.write_application("source", "jdbc:sqlserver://db1;databaseName=mag;encrypt=true");
  model::Instance one = instance();
  one.magnolia.system_properties["db.password"] = "application";
  const model::Plan plan = profile_.plan(one);
  ASSERT_EQ(plan.databases.size(), 1U);
  EXPECT_EQ(plan.databases[0].engine, "sqlserver");
  EXPECT_EQ(plan.databases[0].options,
            (std::map<std::string, std::string>{{"application_user", "mag"}, {"tls", "verified"}}));
}

TEST_F(MagnoliaProfileTest, NamesTheSchemasOfTheApplicationsTablesOnPostgresql) {
  tree_.write_application("source", "jdbc:postgresql://db1/mag?currentSchema=cms,public");
  const model::Plan plan = profile_.plan(instance());
  EXPECT_EQ(plan.databases.at(0).options.at("application_schema"), "cms,public");
  // In which of them a workspace's tables are is seen in the copy.
  const std::vector<model::Workspace> workspaces = profile_.workspaces(plan.facts);
  ASSERT_FALSE(workspaces.empty());
  ASSERT_FALSE(workspaces[0].tables.empty());
  EXPECT_EQ(workspaces[0].tables[0].schema, "");
}

TEST_F(MagnoliaProfileTest, ListsTheEndpointsOfItsConfigurationFiles) {
  tree_.write_application("derby");
  EXPECT_EQ(profile_.plan(instance()).facts.find("endpoints"), nullptr);
  const std::string file =
      tree_.application() + "/WEB-INF/config/magnoliaAuthor/magnolia.properties";
  write_text(file, "magnolia.remote.baseUrl=https://ann:s3cret@www.example.org/author\n");
  const Json facts = profile_.plan(instance()).facts;
  EXPECT_EQ(facts.at("endpoints"),
            Json::array().push(Json::object()
                                   .set("where", file + ": magnolia.remote.baseUrl")
                                   .set("value", "https://www.example.org")));
  EXPECT_EQ(facts.dump().find("s3cret"), std::string::npos);
}

TEST_F(MagnoliaProfileTest, NoticesWhenASmallFileOrAWorkspaceMoves) {
  tree_.write_application("derby");
  const std::string before = profile_.plan(instance()).state;
  EXPECT_EQ(profile_.plan(instance()).state, before);
  write_text(tree_.home() + "/repository/namespaces/ns_reg.properties", "a=c\n");
  const std::string after = profile_.plan(instance()).state;
  EXPECT_NE(after, before);
  write_text(tree_.home() + "/workspaces/dam/workspace.xml",
             magnolia::TestTree::workspace_xml("derby", "dam"));
  EXPECT_NE(profile_.plan(instance()).state.find("workspace magnolia/dam\t"), std::string::npos);
}

TEST_F(MagnoliaProfileTest, CopiesTheRealPlaceOfALinkedDataStoreOnceThatIsAccepted) {
  tree_.write_application("derby");
  fs::create_directories(tree_.root() + "/big");
  fs::rename(tree_.home() + "/repository/datastore", tree_.root() + "/big/ds");
  fs::create_symlink(tree_.root() + "/big/ds", tree_.home() + "/repository/datastore");
  const model::Plan plan = profile_.plan(instance());
  EXPECT_NE(find_code(plan.findings, "magnolia-link-out"), nullptr);
  EXPECT_EQ(plan.files[0].paths,
            std::vector<std::string>{fs::canonical(tree_.root() + "/big/ds").string()});
  EXPECT_EQ(plan.files[1].paths, std::vector<std::string>{tree_.application()});
}

TEST_F(MagnoliaProfileTest, CopiesTheRealPlaceOfALinkedApplication) {
  tree_.write_application("derby");
  fs::rename(tree_.application(), tree_.root() + "/real");
  fs::create_symlink(tree_.root() + "/real", tree_.application());
  const model::Plan plan = profile_.plan(instance());
  EXPECT_NE(find_code(plan.findings, "magnolia-link-out"), nullptr);
  const std::string real = fs::canonical(tree_.root() + "/real").string();
  EXPECT_EQ(plan.files[0].paths,
            std::vector<std::string>{real + "/repositories/magnolia/repository/datastore"});
  EXPECT_EQ(plan.files[1].paths, (std::vector<std::string>{real, tree_.application()}));
  const auto& exclude = plan.files[1].exclude;
  EXPECT_NE(std::find(exclude.begin(), exclude.end(),
                      real + "/repositories/magnolia/workspaces/website/db"),
            exclude.end());
}

TEST_F(MagnoliaProfileTest, FindsAuthorAndPublicOfOneTomcat) {
  tree_.write_application("derby");
  tree_.write_application("source", "jdbc:postgresql://db1/pub", "magnoliaPublic");
  for (const std::string& place :
       {tree_.root(), tree_.root() + "/tomcat", tree_.root() + "/tomcat/webapps"}) {
    const auto found = find(place);
    ASSERT_EQ(found.size(), 2U) << place;
    EXPECT_EQ(found[0].instance.name, "magnoliaAuthor");
    EXPECT_EQ(found[1].instance.name, "magnoliaPublic");
    EXPECT_EQ(found[1].instance.home, tree_.application("magnoliaPublic"));
  }
  write_text(tree_.root() + "/tomcat/conf/server.xml", "<Server/>");
  EXPECT_EQ(find(tree_.root() + "/tomcat").size(), 2U);
  EXPECT_EQ(find(tree_.application()).size(), 1U);
  EXPECT_TRUE(find(tree_.application() + "/WEB-INF/config").empty());
}

TEST_F(MagnoliaProfileTest, NamesWhatNeighboursShare) {
  tree_.write_application("source", "jdbc:postgresql://db1/mag");
  tree_.write_application("source", "jdbc:postgresql://db1:5432/mag", "magnoliaPublic");
  EXPECT_NE(find_code(profile_.plan(instance()).findings, "magnolia-shared-tables"), nullptr);
  const auto found = find(tree_.root());
  EXPECT_NE(text_of(found.at(0)).find("magnolia-shared-tables"), std::string::npos);
}

TEST_F(MagnoliaProfileTest, DraftsAFileThatLeadsToTheSamePlan) {
  tree_.write_application("source", "jdbc:postgresql://${db.host}/mag");
  write_text(tree_.root() + "/tomcat/conf/server.xml", "<Server/>");
  const std::vector<std::string> argv = {"/usr/bin/java",
                                         "-Dcatalina.base=" + tree_.root() + "/tomcat",
                                         "-Ddb.host=db9",
                                         "-Ddb.password=geheim",
                                         "-Dnot.of.interest=1",
                                         "org.apache.catalina.startup.Bootstrap",
                                         "start"};
  const auto found = profile_.discover({.directory = "/", .argv = argv, .environ = {}}, {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].instance.magnolia.system_properties,
            (std::map<std::string, std::string>{{"db.host", "db9"}}));
  const std::string text = text_of(found[0]);
  EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
  EXPECT_NE(text.find("they hold passwords: db.password"), std::string::npos) << text;
  EXPECT_NE(text.find("postgresql://db9:5432/mag"), std::string::npos) << text;
  EXPECT_NE(text.find("password_file = \"/etc/holdfast/db-mag.password\""), std::string::npos);
  const model::Instance again =
      parse_instance(to_toml(found[0].instance, found[0].comments), "draft.toml");
  EXPECT_EQ(profile_.plan(again).databases.at(0).uri, "postgresql://db9:5432/mag");
  EXPECT_TRUE(
      profile_.discover({.directory = "/", .argv = {"/bin/sh"}, .environ = {}}, {}).empty());
}

TEST_F(MagnoliaProfileTest, RefusesAHomeThatIsNone) {
  model::Instance one = instance();
  EXPECT_NE(find_code(profile_.plan(one).findings, "magnolia-home-missing"), nullptr);
  one.home.clear();
  EXPECT_NE(find_code(profile_.plan(one).findings, "magnolia-home-missing"), nullptr);
}

TEST_F(MagnoliaProfileTest, HasEveryCodeInTheListOfFindings) {
  const fs::path sources = HOLDFAST_SOURCE_DIR;
  const model::FindingCodes in_page = model::codes_in_page(sources, "magnolia-");
  std::size_t count = 0;
  for (const auto& [code, severities] :
       model::codes_in_folder(sources / "src/profile/magnolia", "magnolia-")) {
    if (code.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string::npos) continue;
    EXPECT_TRUE(in_page.contains(code)) << code;
    ++count;
  }
  EXPECT_GT(count, 30U);
}

TEST_F(MagnoliaProfileTest, EndsAtAStopRequest) {
  tree_.write_application("derby");
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(profile_.discover({.directory = tree_.root(), .argv = {}, .environ = {}},
                                        stop.get_token()));
    FAIL() << "it was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
}

}  // namespace
}  // namespace holdfast::profile

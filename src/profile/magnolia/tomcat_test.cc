// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/tomcat.h"

#include <gtest/gtest.h>

#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

namespace fs = std::filesystem;

class TomcatTest : public testing::Test {
 protected:
  TomcatTest() {
    fs::create_directories(base_ + "/webapps/b/WEB-INF");
    fs::create_directories(base_ + "/webapps/a/WEB-INF");
    fs::create_directories(base_ + "/webapps/none");
    fs::create_directories(tree_.root() + "/elsewhere/WEB-INF");
    write_text(base_ + "/conf/server.xml",
               "<Server><GlobalNamingResources>"
               "<Resource name='global' url='jdbc:postgresql://${db.host}/g' username='u'/>"
               "</GlobalNamingResources><Service><Engine name='Catalina'>"
               "<Host name='localhost' appBase='webapps'/></Engine></Service></Server>");
  }
  [[nodiscard]] Tomcat open() const {
    Variables properties;
    properties.set("db.host", "db7", "-D");
    return *Tomcat::at(base_, properties);
  }
  TestTree tree_;
  std::string base_ = tree_.root() + "/tomcat";
};

TEST_F(TomcatTest, FindsApplicationsAndContexts) {
  write_text(base_ + "/conf/Catalina/localhost/b.xml", "<Context/>");
  write_text(base_ + "/conf/Catalina/localhost/far.xml",
             "<Context docBase='" + tree_.root() + "/elsewhere'/>");
  std::string found;
  const Tomcat tomcat = open();
  for (const WebApplication& one : tomcat.applications())
    found += one.directory.substr(tree_.root().size()) + " " +
             fs::path(one.context_file).filename().string() + "; ";
  EXPECT_EQ(found, "/tomcat/webapps/b b.xml; /elsewhere far.xml; /tomcat/webapps/a ; ");
  EXPECT_FALSE(Tomcat::at(tree_.root(), {}));
}

TEST_F(TomcatTest, PrefersTheApplicationsOwnContext) {
  std::vector<model::Finding> findings;
  const std::string application = base_ + "/webapps/a";
  const auto url = [&] {
    const auto found = open().resource(application, "jdbc/X", findings);
    return found ? found->url : "";
  };
  EXPECT_EQ(url(), "");
  write_text(base_ + "/conf/context.xml",
             "<Context><ResourceLink name='jdbc/X' global='global'/></Context>");
  EXPECT_EQ(url(), "jdbc:postgresql://db7/g");
  write_text(application + "/META-INF/context.xml",
             "<Context><Resource name='jdbc/X' url='meta' password='geheim'/></Context>");
  EXPECT_EQ(url(), "meta");
  write_text(base_ + "/conf/Catalina/localhost/a.xml",
             "<Context><Resource name='jdbc/X' url='own'/></Context>");
  EXPECT_EQ(url(), "own");
  EXPECT_TRUE(findings.empty());
  write_text(base_ + "/conf/Catalina/localhost/a.xml", "<Context>");
  static_cast<void>(open());
  EXPECT_NE(find_code(open().findings(), "magnolia-configuration-unobservable"), nullptr);
}

TEST_F(TomcatTest, TellsWhatTheDriverOfSqlServerIsHandedBesideTheUrl) {
  std::vector<model::Finding> findings;
  const std::string application = base_ + "/webapps/a";
  write_text(application + "/META-INF/context.xml",
             "<Context><Resource name='pool' url='jdbc:sqlserver://h;databaseName=m' "
             "connectionProperties='encrypt=true;trustServerCertificate=true'/>"
             "<Resource name='own' factory='com.microsoft.sqlserver.jdbc."
             "SQLServerDataSourceObjectFactory' serverName='${db.host}' databaseName='a}b' "
             "user='u' password='geheim'/></Context>");
  const auto pool = open().resource(application, "pool", findings);
  ASSERT_TRUE(pool);
  EXPECT_EQ(pool->properties, "encrypt=true;trustServerCertificate=true");
  const auto own = open().resource(application, "own", findings);
  ASSERT_TRUE(own);
  EXPECT_NE(own->url.find(";serverName={db7};databaseName={a}}b}"), std::string::npos) << own->url;
  EXPECT_EQ(own->url.find("geheim"), std::string::npos);
  EXPECT_EQ(own->user, "u");
}

TEST_F(TomcatTest, ReadsSetenvWithoutRunningIt) {
  write_text(base_ + "/bin/setenv.sh",
             "#!/bin/sh\ntouch " + tree_.root() +
                 "/ran\nCATALINA_OPTS=\"$CATALINA_OPTS -Dmagnolia.home=/srv/m -Dx\"\n");
  EXPECT_EQ(open().setenv_properties(), (std::vector<std::string>{"magnolia.home=/srv/m", "x"}));
  EXPECT_FALSE(fs::exists(tree_.root() + "/ran"));
}

}  // namespace
}  // namespace holdfast::profile::magnolia

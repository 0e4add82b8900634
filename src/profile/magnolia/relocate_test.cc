// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/relocate.h"

#include <gtest/gtest.h>

#include <map>

namespace holdfast::profile::magnolia {
namespace {

std::string shouted(std::string_view text) {
  return map_values(text, [](const ValuePlace& place, const std::string& value) {
    return std::optional(std::string(place.element) + "/" + std::string(place.attribute) + "=" +
                         value + "&");
  });
}

TEST(Relocate, MapsTheValuesOfXmlAndNothingElse) {
  EXPECT_EQ(shouted("<?xml version='1.0'?>\n<!DOCTYPE a PUBLIC \"x\" \"y\">\n<a b = 'c&amp;d' "
                    "e=\"\">\n <!-- <f g='h'/> --> text <i/></a>\n"),
            "<?xml version='1.0'?>\n<!DOCTYPE a PUBLIC \"x\" \"y\">\n<a b = 'a/b=c&amp;d&amp;' "
            "e=\"a/e=&amp;\">\n <!-- <f g='h'/> --> a/=text&amp; <i/></a>\n");
}

TEST(Relocate, MapsTheValuesOfProperties) {
  EXPECT_EQ(shouted("# a=b\nc = d\\:e\r\n\nf:g\nh\n"), "# a=b\nc = /c=d:e&\r\n\nf:/f=g&\nh/h=&\n");
}

TEST(Relocate, LeavesWhatIsNotMappedByteByByte) {
  const std::string xml = "\xEF\xBB\xBF<a  b='c&#x20;d' >\r\n\t<![CDATA[x<y]]></a  ><!-- e";
  const std::string properties = "a\\ b = \\u00e4 \\\n   c\n!d";
  const auto none = [](const ValuePlace&, const std::string&) { return std::nullopt; };
  EXPECT_EQ(map_values(xml, none), xml);
  EXPECT_EQ(map_values(properties, none), properties);
  for (std::size_t size = 0; size < xml.size(); ++size)
    EXPECT_EQ(map_values(xml.substr(0, size), none), xml.substr(0, size));
}

TEST(Relocate, RedirectsUrlsAndKeepsWhatElseTheySay) {
  EXPECT_EQ(redirected_url("jdbc:postgresql://old:5432/mag?ssl=true&user=a",
                           "postgresql://new:6543/copy?sslmode=require"),
            "jdbc:postgresql://new:6543/copy?ssl=true&user=a");
  EXPECT_EQ(redirected_url("jdbc:mysql://u:p@old/mag?useSSL=false", "mysql://new:3307/copy"),
            "jdbc:mysql://u:p@new:3307/copy?useSSL=false");
  EXPECT_EQ(redirected_url("jdbc:derby:/srv/old/db;create=true", "derby:/srv/new/db"),
            "jdbc:derby:/srv/new/db;create=true");
  EXPECT_EQ(redirected_url("jdbc:h2:file:/srv/old/db;MODE=x", "h2:/srv/new/db.mv.db"),
            "jdbc:h2:file:/srv/new/db;MODE=x");
}

TEST(Relocate, RedirectsUrlsOfSqlServerAndLeavesTheOldServersPartnerBehind) {
  const std::string old =
      "jdbc:sqlserver://old\\inst;databaseName=mag;encrypt=true;hostNameInCertificate=old.example;"
      "failoverPartner=older;password={a;b}";
  EXPECT_EQ(redirected_url(old, "sqlserver://new:14330/copy"),
            "jdbc:sqlserver://new:14330;databaseName=copy;encrypt=true;password={a;b}");
  EXPECT_EQ(redirected_url(old, "sqlserver://me@old/a%3Bb?instance=inst"),
            "jdbc:sqlserver://old\\inst;databaseName={a;b};encrypt=true;"
            "hostNameInCertificate=old.example;password={a;b}");
  EXPECT_EQ(redirected_url("jdbc:jtds:sqlserver://old:1433/mag;ssl=require;instance=x",
                           "sqlserver://new/copy"),
            "jdbc:jtds:sqlserver://new:1433/copy;ssl=require");
  EXPECT_FALSE(redirected_url(old, "postgresql://new/copy"));
}

TEST(Relocate, DoesNotMakeUpAUrlForWhatJavaCannotReach) {
  EXPECT_FALSE(redirected_url("jdbc:postgresql://old/mag", "postgresql:///mag?host=/run/pg"));
  EXPECT_FALSE(redirected_url("jdbc:oracle:thin:@//old:1521/mag", "oracle://new:1521/mag"));
}

class AdaptTest : public testing::Test {
 protected:
  model::Adaptation adapt() {
    return adapt_instance({facts_, is_clone_, databases_, names_,
                           [](const std::string& path) {
                             return path.starts_with("/srv/old/") ? "/srv/new" + path.substr(8)
                                                                  : std::string();
                           },
                           [this](const std::string& path) -> std::optional<std::string> {
                             const auto found = files_.find(path);
                             if (found == files_.end()) return std::nullopt;
                             return found->second;
                           }});
  }
  void add_file(const std::string& path, const std::string& text) {
    files_[path] = text;
    configuration_.push(path);
    facts_.set("configuration_files", configuration_);
  }
  Json facts_ = Json::object();
  bool is_clone_ = true;
  std::vector<model::RestoredInstance::Database> databases_ = {
      {"db-mag", "postgresql", "postgresql://old:5432/mag", "postgresql://new:5433/copy"}};
  std::map<std::string, std::string> files_;

 private:
  Json configuration_ = Json::array();
  model::NameMappings names_;
};

TEST_F(AdaptTest, KnowsAServerWhoseUsualPortIsLeftOut) {
  databases_[0].old_uri = "postgresql://me@OLD/mag";
  add_file("/srv/old/conf.xml", "<p name=\"url\" value=\"jdbc:postgresql://old:5432/mag\"/>");
  const model::Adaptation made = adapt();
  ASSERT_EQ(made.changes.size(), 1U);
  EXPECT_EQ(made.changes[0].content, "<p name=\"url\" value=\"jdbc:postgresql://new:5433/copy\"/>");
}

TEST_F(AdaptTest, RewritesEveryConnectionAndPath) {
  add_file("/srv/old/conf.xml", "<p name=\"url\" value=\"jdbc:postgresql://old/mag?a&amp;b\"/>");
  add_file("/srv/old/magnolia.properties", "home=/srv/old/repositories\nother=/srv/older\n");
  add_file("/srv/old/unchanged.xml", "<a/>");
  const model::Adaptation made = adapt();
  ASSERT_EQ(made.changes.size(), 2U);
  EXPECT_EQ(made.changes[0].content,
            "<p name=\"url\" value=\"jdbc:postgresql://new:5433/copy?a&amp;b\"/>");
  EXPECT_EQ(made.changes[0].what,
            "/srv/new/conf.xml: connection of db-mag to postgresql://new:5433/copy");
  EXPECT_EQ(made.changes[1].content, "home=/srv/new/repositories\nother=/srv/older\n");
  EXPECT_TRUE(made.by_hand.empty());
  EXPECT_TRUE(made.left_databases.empty());
}

TEST_F(AdaptTest, LetsAUserOfADomainBeChangedByHand) {
  databases_ = {{"db-mag", "sqlserver", "sqlserver://old:1433/mag", "sqlserver://new:1433/copy"}};
  databases_[0].user = "test";
  add_file("/srv/old/conf.xml",
           "<S><param name='url' value='jdbc:sqlserver://old;databaseName=mag'/>"
           "<param name='user' value='mag'/><param name='password' value='old'/></S>");
  databases_[0].password = std::make_shared<const Secret>(std::string("new"));
  EXPECT_EQ(adapt().changes.at(0).content,
            "<S><param name='url' value='jdbc:sqlserver://new:1433;databaseName=copy'/>"
            "<param name='user' value='test'/><param name='password' value='new'/></S>");
  databases_[0].user = "DOM\\test";
  const model::Adaptation domain = adapt();
  EXPECT_NE(domain.changes.at(0).content->find("value='mag'"), std::string::npos);
  ASSERT_EQ(domain.by_hand.size(), 1U);
  EXPECT_NE(domain.by_hand[0].find("log in as DOM\\test"), std::string::npos) << domain.by_hand[0];
}

TEST_F(AdaptTest, SaysWhichConnectionItCouldNotFind) {
  add_file("/srv/old/conf.xml", "<p value=\"jdbc:postgresql://${host}/mag\"/>");
  const model::Adaptation made = adapt();
  EXPECT_TRUE(made.changes.empty());
  ASSERT_EQ(made.by_hand.size(), 2U);
  EXPECT_NE(made.by_hand[0].find("${host}"), std::string::npos) << made.by_hand[0];
  EXPECT_NE(made.by_hand[1].find("db-mag"), std::string::npos);
  EXPECT_EQ(made.left_databases, std::set<std::string>{"db-mag"});
}

TEST_F(AdaptTest, ShowsNoPartOfAPasswordOfSqlServer) {
  add_file("/srv/old/conf.xml",
           "<p value='jdbc:sqlserver://${host};password={a}}b;c&amp;Tail};databaseName=mag'/>");
  const model::Adaptation made = adapt();
  ASSERT_EQ(made.by_hand.size(), 2U);
  EXPECT_NE(made.by_hand[0].find("//${host};password=***;databaseName=mag"), std::string::npos)
      << made.by_hand[0];
}

TEST_F(AdaptTest, SaysThatACloneStillLeadsToWhatWasNotRestored) {
  databases_[0].uri.clear();
  add_file("/srv/old/conf.xml", "<p value=\"jdbc:postgresql://old/mag\"/>");
  ASSERT_EQ(adapt().by_hand.size(), 1U);
  is_clone_ = false;
  EXPECT_TRUE(adapt().by_hand.empty());
}

TEST_F(AdaptTest, SaysWhereAnEmbeddedDatabaseIsLookedForInVain) {
  databases_ = {{"website", "derby", "derby:/srv/old/website/db", "derby:/data/website"}};
  add_file("/srv/old/workspace.xml", "<p value=\"jdbc:derby:${wsp.home}/db;create=true\"/>");
  ASSERT_EQ(adapt().by_hand.size(), 1U);
  databases_[0].uri = "derby:/srv/new/website/db";
  EXPECT_TRUE(adapt().by_hand.empty());
}

TEST_F(AdaptTest, ReadsAndWritesPropertiesAsJavaDoes) {
  databases_.clear();
  add_file("/srv/old/a.properties", "home=/srv/old/caf\\u00e9\nlong=/srv/old/a\\\n  b\n");
  ASSERT_EQ(adapt().changes.size(), 1U);
  EXPECT_EQ(adapt().changes[0].content, "home=/srv/new/caf\\u00e9\nlong=/srv/old/a\\\n  b\n");
}

TEST_F(AdaptTest, GivesACloneAnotherNodeIdAndAReplacementNot) {
  databases_.clear();
  facts_.set("clusters", Json::array().push(
                             Json::object().set("file", "/srv/old/conf.xml").set("id", "node1")));
  add_file("/srv/old/conf.xml", "<r><Cluster id=\"node1\"/><x id=\"node1\"/></r>");
  const model::Adaptation clone = adapt();
  ASSERT_EQ(clone.changes.size(), 1U);
  EXPECT_TRUE(clone.changes[0].content->starts_with("<r><Cluster id=\"node1-")) << "a new one";
  EXPECT_TRUE(clone.changes[0].content->ends_with("\"/><x id=\"node1\"/></r>"));
  is_clone_ = false;
  EXPECT_TRUE(adapt().changes.empty());
}

TEST_F(AdaptTest, WritesTheAccountOfTheNewDatabaseWhereTheOldOneStood) {
  databases_[0].user = "clone<1>";
  databases_[0].password = std::make_shared<const Secret>(std::string("s&cret"));
  add_file("/srv/old/conf.xml",
           "<a><DataSource><param name='user' value='mag'/><param value='old' name='password'/>"
           "<param name='url' value='jdbc:postgresql://old/mag'/></DataSource><DataSource>"
           "<param name='user' value='mag'/></DataSource></a>");
  add_file("/srv/old/context.xml",
           "<Resource username='mag' password='old' url='jdbc:postgresql://old/mag'/>");
  add_file("/srv/old/a.properties",
           "db.user=mag\ndb.url=jdbc:postgresql://old/mag\ndb.password=old\nuser=mag\n");
  const model::Adaptation made = adapt();
  EXPECT_TRUE(made.by_hand.empty()) << made.by_hand.front();
  ASSERT_EQ(made.changes.size(), 3U);
  EXPECT_EQ(made.changes[0].content,
            "<a><DataSource><param name='user' value='clone&lt;1&gt;'/><param value='s&amp;cret' "
            "name='password'/><param name='url' value='jdbc:postgresql://new:5433/copy'/>"
            "</DataSource><DataSource><param name='user' value='mag'/></DataSource></a>");
  EXPECT_EQ(made.changes[1].content,
            "<Resource username='clone&lt;1&gt;' password='s&amp;cret' "
            "url='jdbc:postgresql://new:5433/copy'/>");
  EXPECT_EQ(made.changes[2].content,
            "db.user=clone<1>\ndb.url=jdbc:postgresql://new:5433/copy\ndb.password=s&cret\n"
            "user=mag\n");
  for (const model::FileChange& change : made.changes)
    EXPECT_EQ(change.what.find("s&cret"), std::string::npos) << change.what;
}

TEST_F(AdaptTest, LeavesTheAccountOfADatabaseThatStaysWhereItWas) {
  databases_[0].uri = databases_[0].old_uri;
  databases_[0].user = "administrator";
  add_file("/srv/old/conf.xml",
           "<Resource username='mag' password='old' url='jdbc:postgresql://old/mag'/>");
  EXPECT_TRUE(adapt().changes.empty());
}

TEST_F(AdaptTest, SaysWhichAccountItCouldNotWrite) {
  databases_[0].user = "clone";
  add_file("/srv/old/conf.xml",
           "<Resource username='mag' password='old' url='jdbc:postgresql://old/mag'/>");
  const model::Adaptation without_password = adapt();
  ASSERT_EQ(without_password.by_hand.size(), 1U);
  EXPECT_NE(without_password.by_hand[0].find("clone: its password"), std::string::npos);
  databases_[0].password = std::make_shared<const Secret>(std::string("${x}"));
  EXPECT_EQ(adapt().by_hand.size(), 1U);
  files_["/srv/old/conf.xml"] = "<Resource username='${u}' url='jdbc:postgresql://old/mag'/>";
  ASSERT_EQ(adapt().by_hand.size(), 1U);
  EXPECT_NE(adapt().by_hand[0].find("log in as clone"), std::string::npos);
}

TEST_F(AdaptTest, RewritesFilesThatAreNotInForceAndMissesNothingInThem) {
  databases_[0].user = "clone";
  add_file("/srv/old/conf.xml",
           "<Resource username='clone' password='p' url='jdbc:postgresql://old/mag'/>");
  files_["/srv/old/other.xml"] = "<p u='jdbc:postgresql://old/mag' v='jdbc:mysql://${h}/m'/>";
  facts_.set("other_files", Json::array().push("/srv/old/other.xml"));
  const model::Adaptation made = adapt();
  EXPECT_TRUE(made.by_hand.empty()) << made.by_hand.front();
  ASSERT_EQ(made.changes.size(), 2U);
  EXPECT_EQ(made.changes[1].content,
            "<p u='jdbc:postgresql://new:5433/copy' v='jdbc:mysql://${h}/m'/>");
}

TEST_F(AdaptTest, LetsLinksOutLeadToWhereTheirTargetsAreNow) {
  databases_.clear();
  facts_.set("links",
             Json::array()
                 .push(Json::object().set("link", "/srv/old/a").set("target", "/srv/old/b"))
                 .push(Json::object().set("link", "/srv/old/c").set("target", "/data")));
  const model::Adaptation made = adapt();
  ASSERT_EQ(made.changes.size(), 1U);
  EXPECT_EQ(made.changes[0].path, "/srv/old/a");
  EXPECT_EQ(made.changes[0].content, "/srv/new/b");
  EXPECT_TRUE(made.changes[0].is_link);
  ASSERT_EQ(made.by_hand.size(), 1U);
  EXPECT_NE(made.by_hand[0].find("/data"), std::string::npos);
}

TEST_F(AdaptTest, RemovesWhatMustNotBeThere) {
  databases_.clear();
  facts_.set("remove", Json::array().push("/srv/old/index"));
  const model::Adaptation made = adapt();
  ASSERT_EQ(made.changes.size(), 1U);
  EXPECT_EQ(made.changes[0].path, "/srv/old/index");
  EXPECT_FALSE(made.changes[0].content.has_value());
}

}  // namespace
}  // namespace holdfast::profile::magnolia

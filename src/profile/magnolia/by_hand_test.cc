// SPDX-License-Identifier: Apache-2.0
// tests/integration/magnolia_restic_test.cc follows the text; this is for what an instance of the
// stock kind does not have.
#include "profile/magnolia/by_hand.h"

#include <gtest/gtest.h>

#include "profile/magnolia/test_tree.h"

namespace holdfast::profile::magnolia {
namespace {

class ByHandTest : public testing::Test {
 protected:
  // Of a file of the web application, as the configuration that is in force.
  std::string text_of(std::string_view content, const std::string& uri, std::string user = "mag") {
    const std::string file = tree_.application() + "/conf/it's.xml";
    write_text(file, content);
    MagnoliaFacts facts;
    facts.name = "magnoliaAuthor";
    facts.directory = tree_.application();
    facts.configuration_files = {file, file};
    Connection connection;
    connection.component = "db-mag";
    connection.engine = uri.substr(0, uri.find(':'));
    connection.uri = uri;
    connection.user = std::move(user);
    connection.where = file + ":1";
    facts.connections.push_back(connection);
    return by_hand(facts);
  }
  static bool has(const std::string& text, std::string_view words) {
    return text.find(words) != std::string::npos;
  }
  TestTree tree_;
};

TEST_F(ByHandTest, NamesTheLineOfEachConnectionOnceAndNoSecret) {
  const std::string text = text_of(
      "<a>\n<!-- jdbc:postgresql://h:5432/mag -->\n<p value='jdbc:postgresql://h/mag?user=u&amp;"
      "password=s3cret'/>\n<p\n value=\"x\"/><p value=\"jdbc:postgresql://h:5432/mag\"/></a>\n",
      "postgresql://h:5432/mag");
  EXPECT_TRUE(
      has(text, "    sed -i \"3s|\\(jdbc:postgresql://\\)[^?\\\"'<]*|\\1HOST:PORT/NAME|\" -- '"))
      << text;
  EXPECT_TRUE(has(text, "    sed -i \"5s|")) << text;
  EXPECT_FALSE(has(text, "    sed -i \"2s|")) << text;
  std::size_t commands = 0;
  for (std::size_t at = text.find("sed -i"); at != std::string::npos;
       at = text.find("sed -i", at + 1))
    ++commands;
  EXPECT_EQ(commands, 2U) << text;
  EXPECT_FALSE(has(text, "s3cret")) << text;
  EXPECT_TRUE(has(text, "GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"mag\"")) << text;
}

TEST_F(ByHandTest, SaysWhereAConnectionIsToBeChangedThatNoCommandFinds) {
  const std::string variable = text_of("<p value='${db.url}'/>\n", "postgresql://h:5432/mag");
  EXPECT_FALSE(has(variable, "sed -i")) << variable;
  EXPECT_TRUE(has(variable, "by hand")) << variable;
  // An account in front of the host would be lost.
  const std::string account =
      text_of("<p value='jdbc:mysql://me:s3cret@h:3306/mag'/>\n", "mysql://h:3306/mag");
  EXPECT_FALSE(has(account, "sed -i")) << account;
  EXPECT_FALSE(has(account, "s3cret")) << account;
}

TEST_F(ByHandTest, WritesOutWhatAConnectionToSqlServerBecomes) {
  const std::string text =
      text_of("<p value='jdbc:sqlserver://h;databaseName=mag;encrypt=true;password=s3cret'/>\n",
              "sqlserver://h:1433/mag");
  EXPECT_FALSE(has(text, "sed -i")) << text;
  EXPECT_TRUE(has(text, "jdbc:sqlserver://new-host:1433;databaseName=new-name;encrypt=true;"))
      << text;
  EXPECT_FALSE(has(text, "s3cret")) << text;
  EXPECT_TRUE(has(text, "ALTER ROLE db_datawriter ADD MEMBER [mag]")) << text;
  EXPECT_TRUE(has(text, "SELECT name FROM sys.tables WHERE name LIKE")) << text;
}

TEST_F(ByHandTest, PrintsNoPartOfAPasswordOfSqlServer) {
  const std::string text = text_of(
      "<p value='jdbc:sqlserver://h;databaseName=mag;password=Secr3t&amp;Tail#1'/>\n"
      "<p value='jdbc:sqlserver://h;databaseName=mag;password={a}}b;c};encrypt=true'/>\n",
      "sqlserver://h:1433/mag");
  EXPECT_TRUE(has(text, "databaseName=new-name;password=***'\n")) << text;
  EXPECT_TRUE(has(text, "databaseName=new-name;password=***;encrypt=true'\n")) << text;
  EXPECT_FALSE(has(text, "Tail") || has(text, "b;c")) << text;
}

TEST_F(ByHandTest, PrintsNoCommandThatWouldFindNothing) {
  const std::string uri = "postgresql://h:5432/mag";
  const std::string escaped = text_of("# c\nurl=jdbc\\:postgresql\\://h/mag\n", uri);
  EXPECT_FALSE(has(escaped, "sed -i")) << escaped;
  EXPECT_TRUE(has(escaped, "Line 2 of ")) << escaped;
  EXPECT_TRUE(has(escaped, "by hand")) << escaped;
  const std::string entity = text_of(
      "<p value='jdbc:postgresql://h/ma&#x67;'/>\n<p value='jdbc:postgresql&#58;//h/mag'/>"
      "<q value=\"jdbc:postgresql://h/mag\"/><q value=\"jdbc:postgresql://h/mag\"/>\n"
      "<p value='jdbc:postgresql://h/mag?a&amp;b'/>\n",
      uri);
  EXPECT_FALSE(has(entity, "sed -i \"2s|")) << "it would change the first of both";
  EXPECT_TRUE(has(entity, "Line 2 of ")) << entity;
  EXPECT_TRUE(has(entity, "sed -i \"3s|")) << entity;
}

TEST_F(ByHandTest, ANameIsNoCommand) {
  const std::string text =
      text_of("<p/>\n", "postgresql://h:5432/mag", "ma\"g; DROP TABLE x; --'\n    rm -rf /");
  EXPECT_TRUE(has(text, "TO \"ma\"\"g; DROP TABLE x; --")) << text;
  EXPECT_FALSE(has(text, "\n    rm -rf /\n")) << text;
}

TEST_F(ByHandTest, ListsLinesWithAbsolutePaths) {
  const std::string own = tree_.application();
  const std::string text = text_of("<p value='x'/>\n<p value='" + own +
                                       "/data'/>\n"
                                       "<p value='/elsewhere'/>\n",
                                   "postgresql://h:5432/mag");
  EXPECT_TRUE(has(text, ":2: " + own + "/data")) << text;
  EXPECT_FALSE(has(text, "/elsewhere")) << text;
}

TEST_F(ByHandTest, RemovesNoIndexThatHoldsOtherParts) {
  tree_.write_application("source", "jdbc:postgresql://h/mag");
  MagnoliaFacts facts = gather_facts({.directory = tree_.application(),
                                      .system_properties = {},
                                      .environ = {},
                                      .server_name = "host",
                                      .tomcat = nullptr});
  const std::string usual = by_hand(facts);
  EXPECT_TRUE(has(usual, "rm -rf -- '" + tree_.home() + "/workspaces/website/index'\n")) << usual;
  ASSERT_EQ(facts.repositories.at(0).workspaces.at(1).name, "website");
  const std::string directory = tree_.home() + "/workspaces/website";
  facts.repositories[0].workspaces[1].index_directory = directory;
  const std::string text = by_hand(facts);
  EXPECT_FALSE(has(text, "rm -rf -- '" + directory + "'")) << text;
  EXPECT_TRUE(has(text, "Of " + directory + " only the files of the index")) << text;
}

}  // namespace
}  // namespace holdfast::profile::magnolia

// SPDX-License-Identifier: Apache-2.0
// In which schema an application's rights are looked at: the one in which the server makes its
// tables.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "engine/postgresql/application.h"
#include "engine/registry.h"
#include "harness/postgres_server.h"

namespace holdfast::test {
namespace {

using Schemas = std::optional<std::string>;

class PostgresqlApplication : public testing::Test {
 protected:
  // A database with schemas "cms", "mag" and "Odd,""One""", and two roles that may do nothing.
  void SetUp() override {
    server().clean();
    server().psql("postgres", "CREATE ROLE mag LOGIN; CREATE ROLE saver LOGIN;");
    server().make_database(
        "shop",
        "CREATE SCHEMA cms; CREATE SCHEMA mag; CREATE SCHEMA \"Odd,\"\"One\"\"\";"
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;");
  }
  static PostgresServer& server() { return PostgresServer::shared(); }
  static model::Endpoint endpoint(const Schemas& schemas, const std::string& as) {
    model::Endpoint endpoint = server().endpoint("shop", as);
    endpoint.options["application_user"] = "mag";
    if (schemas) endpoint.options["application_schema"] = *schemas;
    return endpoint;
  }
  // The statements that are missing.
  static std::string mend(const Schemas& schemas, const std::string& as = "postgres") {
    for (const model::Finding& one :
         engine::find_engine("postgresql")->probe(endpoint(schemas, as)).findings)
      if (one.code == "postgresql-application-grants") return one.mend;
    return {};
  }
  static std::string both_on(const std::string& schema) {
    return "GRANT USAGE ON SCHEMA " + schema + " TO \"mag\";\nGRANT CREATE ON SCHEMA " + schema +
           " TO \"mag\";";
  }
  // Where the role makes tables by the server's own word.
  static std::string asked(const std::string& before = {}) {
    std::string name = server().psql("shop", before + "SELECT current_schema()", "mag");
    while (name.ends_with('\n')) name.pop_back();
    return name;
  }
};

TEST_F(PostgresqlApplication, HasASchemaOfItsNameWhereThereIsOne) {
  EXPECT_EQ(mend(""), both_on("\"mag\""));
  server().psql("shop", "DROP SCHEMA mag");
  EXPECT_EQ(mend(""), both_on("\"public\""));
}

TEST_F(PostgresqlApplication, HasThePathThatItsRoleAndDatabaseSay) {
  server().psql("shop", "ALTER DATABASE shop SET search_path = 'Odd,\"One\"', public");
  EXPECT_EQ(mend(""), both_on("\"Odd,\"\"One\"\"\""));
  server().psql("shop", "ALTER ROLE mag SET search_path = public");
  EXPECT_EQ(mend(""), both_on("\"public\""));
  server().psql("shop", "ALTER ROLE mag IN DATABASE shop SET search_path = cms, \"$user\"");
  EXPECT_EQ(mend(""), both_on("\"cms\""));
  server().psql("shop", mend(""));
  EXPECT_EQ(mend(""), "");
  EXPECT_EQ(asked(), "cms") << "the server sees it likewise";
}

// Whoever looks may have a path of his own.
TEST_F(PostgresqlApplication, HasNotThePathOfWhoeverLooks) {
  server().psql("shop", "ALTER ROLE saver SET search_path = cms");
  EXPECT_EQ(mend("", "saver"), both_on("\"mag\""));
}

TEST_F(PostgresqlApplication, UsesTheFirstOfAListThatIsThere) {
  EXPECT_EQ(mend("public, cms"), both_on("\"public\""));
  EXPECT_EQ(mend(" \"$user\" ,cms"), both_on("\"mag\""));
  EXPECT_EQ(mend("CMS"), both_on("\"cms\""));
  EXPECT_EQ(mend("\"Odd,\"\"One\"\"\",cms"), both_on("\"Odd,\"\"One\"\"\""));
  server().psql("shop", mend("\"Odd,\"\"One\"\"\",cms"));
  EXPECT_EQ(asked("SET search_path = \"Odd,\"\"One\"\"\",cms;"), "Odd,\"One\"");
}

TEST_F(PostgresqlApplication, MissesASchemaThatIsNotThere) {
  server().psql("shop", "REVOKE CONNECT ON DATABASE shop FROM PUBLIC");
  EXPECT_EQ(mend("site"),
            "GRANT CONNECT ON DATABASE \"shop\" TO \"mag\";\n"
            "CREATE SCHEMA \"site\" AUTHORIZATION \"mag\";");
  server().psql("shop", "GRANT CONNECT ON DATABASE shop TO mag");
  EXPECT_EQ(mend("site,cms"),
            "CREATE SCHEMA \"site\" AUTHORIZATION \"mag\";\n" + both_on("\"cms\""));
  server().psql("shop", "DROP SCHEMA mag");
  EXPECT_EQ(mend("$user"), "CREATE SCHEMA \"mag\" AUTHORIZATION \"mag\";");
  server().psql("shop", mend("site"));
  EXPECT_EQ(mend("site,cms"), "");
  server().psql("shop", "ALTER ROLE mag SET search_path = ''");
  EXPECT_EQ(mend(""), "ALTER ROLE \"mag\" IN DATABASE \"shop\" SET search_path = public;");
}

TEST_F(PostgresqlApplication, IsLookedAtInEverySchemaWhereNoneIsNamed) {
  const std::string all = mend(std::nullopt);
  for (const char* schema : {"cms", "mag", "public", "Odd,\"One\""})
    EXPECT_NE(all.find("CREATE ON SCHEMA " + sql_name(schema)), std::string::npos) << all;
}

// What is printed for a database that could not be looked at looks itself.
TEST_F(PostgresqlApplication, GetsTheSameRightsFromABlock) {
  for (const auto& [path, schema] :
       {std::pair<std::string, std::string>{"", "mag"}, {"site, cms,mag", "cms"}}) {
    server().psql("shop", engine::postgresql::application_block("mag", path));
    EXPECT_EQ(mend(path == "" ? "" : "cms"), "");
    EXPECT_EQ(asked("SET search_path = public, cms, mag;"), schema);
    server().psql("shop", "REVOKE ALL ON SCHEMA cms, mag FROM mag");
  }
  server().psql("shop", engine::postgresql::application_block("mag", std::nullopt));
  EXPECT_EQ(mend(std::nullopt), "");
}

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// What `holdfast grants` prints for a Magnolia is enough and no more: the backup's role copies and
// cannot write, the application runs and makes a new workspace, and each right that is taken away
// is missed with the very statement that gives it again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "engine/mariadb/client.h"
#include "harness/magnolia.h"
#include "harness/mariadb_grants.h"
#include "harness/program.h"
#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Each GRANT of a script, as it stands there, and what takes it back.
struct Statement {
  std::string give, take;
};

std::vector<Statement> statements_in(const std::string& script) {
  std::vector<Statement> all;
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = std::min(script.find('\n', at), script.size());
    const std::string line = script.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with("GRANT ")) continue;
    const std::size_t to = line.rfind(" TO ");
    all.push_back({line, "REVOKE " + line.substr(6, to - 6) + " FROM " + line.substr(to + 4)});
  }
  return all;
}

class MagnoliaGrants : public testing::Test {
 protected:
  MagnoliaGrants() {
    make_repository(place_.repository(), place_password);
    write_private("password", std::string(magnolia_password));
  }

  std::string write_private(const std::string& name, const std::string& text) {
    const fs::path path = place_ / ("my-" + name);
    write_text(path, text);
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
    return path.string();
  }

  // `home` alone, or with whoever copies. Components are named after the databases of the `source`.
  std::string instance(const MagnoliaLab& lab, const std::string& uri = {},
                       std::string_view user = {}) {
    return instance_of(lab, lab, uri, user);
  }
  std::string instance_of(const MagnoliaLab& source, const MagnoliaLab& lab, const std::string& uri,
                          std::string_view user) {
    std::string text = fmt::format("name = \"magnolia\"\nprofile = \"magnolia\"\nhome = \"{}\"\n",
                                   lab.web_app().string());
    if (!uri.empty())
      text += fmt::format("[[database]]\nname = \"db-{}\"\nuri = \"{}\"\nuser = \"{}\"\n",
                          source.database(), uri, user);
    if (!uri.empty() && uri.find("?host=/") == std::string::npos)
      text += fmt::format("password_file = \"{}\"\n", (place_ / "my-password").string());
    return write_private("instance.toml", text);
  }

  std::string printed(const std::string& purpose, const std::string& file) {
    const Outcome outcome = place_.holdfast({"grants", purpose, "-I", file});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    return outcome.output;
  }

  Place place_;
};

TEST_F(MagnoliaGrants, OfABackupOnPostgresqlAreEnoughReadOnlyAndEachIsMissed) {
  const MagnoliaLab lab(MagnoliaVariant::pg, place_.root() / "production");
  lab.create();
  PostgresServer& server = lab.servers().postgres();
  const auto sql = [&](const std::string& script) { server.psql(lab.database(), script); };
  sql(fmt::format("CREATE ROLE saver LOGIN PASSWORD '{}'", magnolia_password));
  const std::string file = instance(lab, lab.postgres_uri(), "saver");
  // What everybody may, nobody misses.
  sql("REVOKE ALL ON SCHEMA public FROM PUBLIC");
  // Nobody can look at the database before the role has been let in.
  sql(printed("backup", file));
  const Outcome saved = place_.holdfast({"backup", "-I", file});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_FALSE(saved.says("postgresql-no-fence")) << saved.text();
  for (const char* const statement :
       {"INSERT INTO pm_dam_names (name) VALUES ('x')", "UPDATE pm_dam_names SET name = 'x'",
        "DELETE FROM pm_dam_names", "CREATE TABLE public.mine (a int)", "DROP TABLE pm_dam_names",
        "TRUNCATE pm_dam_names", "SELECT nextval('pm_dam_names_id_seq')"})
    EXPECT_THROW(server.psql(lab.database(), statement, "saver"), Error) << statement;

  const std::vector<Statement> statements = statements_in(printed("backup", file));
  EXPECT_GT(statements.size(), 50U);
  for (const Statement& one : statements) {
    sql(one.take);
    const Outcome missed = place_.holdfast({"preflight", "-I", file});
    const bool is_fence = one.give.find(" holdfast") != std::string::npos;
    const bool is_connect = one.give.starts_with("GRANT CONNECT");
    EXPECT_EQ(missed.exit_code, is_fence ? 0 : 20) << one.give << "\n" << missed.text();
    EXPECT_TRUE(missed.says(is_connect ? "permission denied for database" : one.give))
        << one.give << "\n"
        << missed.text();
    sql(one.give);
  }
  const Outcome mended = place_.holdfast({"preflight", "-I", file});
  EXPECT_EQ(mended.exit_code, 0) << mended.text();
  EXPECT_FALSE(mended.says("GRANT ")) << mended.text();
}

TEST_F(MagnoliaGrants, OfTheApplicationOnPostgresqlAreEnoughAndEachIsMissed) {
  const MagnoliaLab lab(MagnoliaVariant::pg, place_.root() / "production");
  lab.make_databases();
  lab.configure();
  PostgresServer& server = lab.servers().postgres();
  const auto sql = [&](const std::string& script) { server.psql(lab.database(), script); };
  // The database belongs to somebody else, and so will its tables; everybody may do nothing.
  sql("ALTER DATABASE " + lab.database() + " OWNER TO postgres");
  sql("REVOKE ALL ON SCHEMA public FROM PUBLIC");
  const std::string superuser = server.endpoint(lab.database()).uri;
  const std::string file = instance(lab, superuser, "postgres");
  const Outcome lacking = place_.holdfast({"preflight", "-I", file});
  EXPECT_TRUE(lacking.says("postgresql-application-grants")) << lacking.text();
  EXPECT_TRUE(lacking.says("GRANT CREATE ON SCHEMA \"public\" TO \"magnolia\";")) << lacking.text();
  sql(printed("application", file));
  // Makes the tables of all workspaces.
  Command create;
  create.argv = lab.java("create", {"pages=4", "assets=4", "assetkb=4", "versions=1", "seed=1"});
  create.timeout = 3min;
  ASSERT_EQ(run_process(create).exit_code, 0);
  sql(fmt::format("REASSIGN OWNED BY {} TO postgres", magnolia_user));
  EXPECT_TRUE(place_.holdfast({"preflight", "-I", file}).says("GRANT SELECT, INSERT, UPDATE"));
  sql(printed("application", file));
  MagnoliaProcess load = lab.load(0ms);
  EXPECT_GT(load.stop(), 0U);
  EXPECT_TRUE(lab.verify().is_whole());
  EXPECT_FALSE(place_.holdfast({"preflight", "-I", file}).says("application-grants"));

  const std::vector<Statement> statements = statements_in(printed("application", file));
  EXPECT_EQ(statements.size(), 5U);
  for (const Statement& one : statements) {
    sql(one.take);
    const Outcome missed = place_.holdfast({"preflight", "-I", file});
    EXPECT_TRUE(missed.says("postgresql-application-grants")) << missed.text();
    EXPECT_TRUE(missed.says(one.give)) << one.give << "\n" << missed.text();
    sql(one.give);
  }
  // A single right on a single table is missed too.
  sql("REVOKE DELETE ON pm_dam_bundle FROM magnolia");
  EXPECT_TRUE(place_.holdfast({"preflight", "-I", file}).says("the first pm_dam_bundle"));
}

TEST_F(MagnoliaGrants, AreThoseOfTheConfigurationsUserIfNothingButHomeIsGiven) {
  const MagnoliaLab lab(MagnoliaVariant::pg, place_.root() / "production");
  lab.create();
  const std::string text = printed("application", instance(lab));
  EXPECT_NE(text.find("-- db-" + lab.database() + " (postgresql://"), std::string::npos) << text;
  EXPECT_NE(text.find("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA \"public\" TO \"magnolia\";"),
            std::string::npos)
      << text;
}

TEST_F(MagnoliaGrants, OfABackupOnMariadbAreEnoughReadOnlyAndEachIsMissed) {
  const MagnoliaLab lab(MagnoliaVariant::mariadb, place_.root() / "production");
  lab.create();
  const MariadbServer& server = lab.servers().mariadb();
  const std::string file = instance(lab, lab.mariadb_uri(), "saver");
  const std::vector<std::string> statements =
      grant_statements(printed("backup", file), std::string(magnolia_password));
  ASSERT_GE(statements.size(), 3U);
  for (const std::string& statement : statements) server.run(statement);
  const Outcome saved = place_.holdfast({"backup", "-I", file});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  EXPECT_FALSE(saved.says("mariadb-privilege")) << saved.text();
  {
    model::Endpoint endpoint{"db", "mariadb", lab.mariadb_uri(), "saver", nullptr, {}};
    const Secret password{std::string(magnolia_password)};
    engine::mariadb::Connection connection(engine::mariadb::location_of(endpoint), &password,
                                           false);
    for (const char* const statement :
         {"INSERT INTO PM_DAM_NAMES (NAME) VALUES ('x')", "UPDATE PM_DAM_NAMES SET NAME = 'x'",
          "DELETE FROM PM_DAM_NAMES", "CREATE TABLE MINE (A INT)", "DROP TABLE PM_DAM_NAMES",
          "TRUNCATE TABLE PM_DAM_NAMES"}) {
      connection.run("USE " + lab.database());
      EXPECT_TRUE(connection.try_run(statement)) << statement;
    }
  }
  for (const OneGrant& one : privileges_of(statements)) {
    server.run(one.take());
    const Outcome missed = place_.holdfast({"preflight", "-I", file});
    EXPECT_TRUE(missed.says("GRANT " + one.privilege + " ON " + one.on)) << one.give() << "\n"
                                                                         << missed.text();
    server.run(one.give());
  }
  const Outcome mended = place_.holdfast({"preflight", "-I", file});
  EXPECT_EQ(mended.exit_code, 0) << mended.text();
  EXPECT_FALSE(mended.says("GRANT ")) << mended.text();
}

TEST_F(MagnoliaGrants, OfTheApplicationOnMariadbAreEnoughAndEachIsMissed) {
  MagnoliaServers servers(2);
  const MagnoliaLab lab(MagnoliaVariant::mariadb, place_.root() / "production", "magnoliaAuthor",
                        servers);
  const MariadbServer& server = servers.mariadb();
  server.run("CREATE DATABASE " + lab.database());
  server.run(fmt::format("DROP USER {}@'127.0.0.1'", magnolia_user));
  server.run(fmt::format("GRANT ALL ON *.* TO administrator IDENTIFIED BY '{}' WITH GRANT OPTION",
                         magnolia_password));
  lab.configure();
  const std::string file = instance(lab, lab.mariadb_uri(), "administrator");
  const Outcome nobody = place_.holdfast({"preflight", "-I", file});
  EXPECT_TRUE(nobody.says("there is no account magnolia")) << nobody.text();
  const std::vector<std::string> statements =
      grant_statements(printed("application", file), std::string(magnolia_password));
  for (const std::string& statement : statements) server.run(statement);
  Command create;
  create.argv = lab.java("create", {"pages=4", "assets=4", "assetkb=4", "versions=1", "seed=1"});
  create.timeout = 3min;
  ASSERT_EQ(run_process(create).exit_code, 0);
  MagnoliaProcess load = lab.load(0ms);
  EXPECT_GT(load.stop(), 0U);
  EXPECT_TRUE(lab.verify().is_whole());
  EXPECT_FALSE(place_.holdfast({"preflight", "-I", file}).says("application-grants"));
  const std::vector<OneGrant> grants = privileges_of(statements);
  EXPECT_EQ(grants.size(), 6U);
  for (const OneGrant& one : grants) {
    server.run(one.take());
    const Outcome missed = place_.holdfast({"preflight", "-I", file});
    EXPECT_TRUE(missed.says("mariadb-application-grants")) << missed.text();
    EXPECT_TRUE(missed.says(one.give() + ";")) << one.give() << "\n" << missed.text();
    server.run(one.give());
  }
  // A role that it was given counts.
  server.run("CREATE ROLE editors");
  server.run(grants.front().take());
  server.run(fmt::format("GRANT {} ON {} TO editors", grants.front().privilege, grants.front().on));
  server.run(fmt::format("GRANT editors TO {}", grants.front().account));
  EXPECT_FALSE(place_.holdfast({"preflight", "-I", file}).says("application-grants"));
}

// What a restore takes on PostgreSQL and MariaDB the tests of those engines show; here that the
// list is printed for a target that is not there yet, and is enough.
TEST_F(MagnoliaGrants, OfARestoreOnPostgresqlAreEnoughAndEachIsMissed) {
  const MagnoliaLab lab(MagnoliaVariant::pg, place_.root() / "production");
  lab.create();
  ASSERT_EQ(place_.holdfast({"backup", "-I", instance(lab)}).exit_code, 0);
  const MagnoliaLab target = lab.elsewhere(place_ / "test", MagnoliaServers::other());
  target.make_databases();
  PostgresServer& server = target.servers().postgres();
  server.psql("postgres", fmt::format("CREATE ROLE loader LOGIN PASSWORD '{}'", magnolia_password));
  // An empty database would be filled where it stands, without CREATEDB.
  server.psql(target.database(),
              fmt::format("SET ROLE {}; CREATE TABLE former (a int)", magnolia_user));
  const std::string file = instance_of(lab, target, target.postgres_uri(), "loader");
  server.psql(target.database(), printed("restore", file));  // lets it in
  const std::string script = printed("restore", file);
  server.psql(target.database(), script);
  std::vector<Statement> statements = statements_in(script);
  statements.push_back({"ALTER ROLE \"loader\" CREATEDB;", "ALTER ROLE \"loader\" NOCREATEDB;"});
  EXPECT_GE(statements.size(), 3U) << script;
  for (const Statement& one : statements) {
    if (one.give.starts_with("GRANT CONNECT")) continue;  // whoever has the owner's rights may
    server.psql(target.database(), one.take);
    const Outcome missed = place_.holdfast({"restore", "latest", "-I", file, "--replace"});
    EXPECT_EQ(missed.exit_code, 20) << one.give << "\n" << missed.text();
    EXPECT_TRUE(missed.says(one.give)) << one.give << "\n" << missed.text();
    server.psql(target.database(), one.give);
  }
  const Outcome restored = place_.holdfast({"restore", "latest", "-I", file, "--replace"});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_FALSE(restored.says("application-grants")) << restored.text();
  EXPECT_TRUE(target.verify().is_whole());
}

}  // namespace
}  // namespace holdfast::test

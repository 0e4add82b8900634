// SPDX-License-Identifier: Apache-2.0
// A drill of PostgreSQL on a server that somebody lends: it proves a copy or names what was changed
// in it, and leaves that server as it was, whatever ends the drill.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/secret_watcher.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view secret = "Zt7-lent-secret-q9";

constexpr std::string_view shop_sql = R"(
CREATE EXTENSION citext;
SET ROLE shop_owner;
CREATE TABLE customers (id serial PRIMARY KEY, name citext NOT NULL);
INSERT INTO customers (name) SELECT 'customer ' || n FROM generate_series(1, 2000) n;
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int REFERENCES customers);
INSERT INTO orders (customer) SELECT 1 + n % 2000 FROM generate_series(1, 5000) n;
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE guarded (a int);
INSERT INTO guarded VALUES (1), (2);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY first_only ON guarded TO shop_reader USING (a = 1);
CREATE VIEW names AS SELECT name FROM customers;
GRANT SELECT ON orders TO shop_reader;
SELECT lo_from_bytea(4711, 'a picture');
RESET ROLE;
)";

// The lent server.
PostgresServer& lent() {
  static PostgresServer the_server;
  return the_server;
}

class PostgresqlEndpoint : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    source().clean();
    source().psql(
        "postgres",
        "CREATE ROLE shop_owner; CREATE ROLE shop_reader; CREATE DATABASE shop OWNER shop_owner");
    source().psql("shop", shop_sql);
    place_ = std::make_unique<Place>();
    EXPECT_EQ(place_->holdfast({"init"}).exit_code, 0);
    const Outcome saved = place_->holdfast({"backup", "-I", instance("")});
    EXPECT_EQ(saved.exit_code, 0) << saved.text();
    rules_ = read_text(rules_file());
    write_text(rules_file(), "local all guest scram-sha-256\n" + rules_);
    lent().psql("postgres", "SELECT pg_reload_conf()");
  }
  static void TearDownTestSuite() {
    source().clean();
    place_.reset();
  }
  PostgresqlEndpoint() {
    lent().clean();
    lent().psql("postgres", fmt::format("SET log_statement = 'none'; CREATE ROLE guest LOGIN "
                                        "CREATEDB PASSWORD '{}'",
                                        secret));
    write_text(password(), std::string(secret) + "\n");
    fs::permissions(password(), fs::perms(0600));
    before_ = state(lent());
  }

  static fs::path rules_file() {
    std::string file = lent().psql("postgres", "SHOW hba_file");
    file.pop_back();
    return file;
  }
  // All that a server has beside the content of its databases.
  static std::string state(const PostgresServer& server) {
    return server.psql("postgres",
                       "SELECT datname, datdba, datacl, datconnlimit, datallowconn FROM pg_database"
                       " ORDER BY 1; SELECT * FROM pg_authid ORDER BY oid;"
                       "SELECT * FROM pg_auth_members ORDER BY 1, 2; SELECT * FROM"
                       " pg_db_role_setting ORDER BY 1, 2; SELECT * FROM pg_tablespace ORDER BY 1");
  }
  static fs::path password() { return *place_ / "server-password"; }
  static std::string endpoint(const std::string& database = "rehearsal",
                              const std::string& component = "db") {
    return fmt::format(
        "[[drill.endpoint]]\ncomponent = \"{}\"\nuri = \"{}\"\nuser = \"guest\"\npassword_file = "
        "\"{}\"\n",
        component, lent().endpoint(database).uri, password().string());
  }
  static std::string query(const std::string& sql, const std::string& expect) {
    return fmt::format("[[drill.query]]\ncomponent = \"db\"\nsql = \"{}\"\nexpect = \"{}\"\n", sql,
                       expect);
  }
  static std::string instance(const std::string& more, const std::string& database = "shop") {
    const std::string path = (*place_ / (database + ".toml")).string();
    write_text(path, fmt::format("name = \"{}\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"postgres\"\n{}",
                                 database, source().endpoint(database).uri, more));
    return path;
  }
  void expect_untouched() {
    EXPECT_EQ(state(lent()), before_);
    EXPECT_TRUE(fs::is_empty(place_->scratch()));
    const fs::path journals = place_->state() / "journals";
    EXPECT_TRUE(!fs::exists(journals) || fs::is_empty(journals));
  }

  static PostgresServer& source() { return PostgresServer::shared(); }
  static std::unique_ptr<Place> place_;
  static std::string rules_;
  std::string before_;
};

std::unique_ptr<Place> PostgresqlEndpoint::place_;
std::string PostgresqlEndpoint::rules_;

TEST_F(PostgresqlEndpoint, ProvesACopyAndLeavesNothing) {
  const std::string path =
      instance(endpoint() + query("select count(*) from orders", "5000") +
               query("select current_database() ~ '^rehearsal_holdfast_[0-9a-f]+$'", "t"));
  const fs::path junit = *place_ / "drill.xml";
  SecretWatcher watcher(std::string(secret), place_->scratch());
  const Outcome proven = place_->holdfast({"drill", "-I", path, "--junit", junit.string()});
  ASSERT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("is proven")) << proven.text();
  EXPECT_TRUE(proven.says("db: rehearsed on postgresql " + source()
                                                               .psql("shop",
                                                                     "SHOW "
                                                                     "server_version")
                                                               .substr(0, 2)))
      << proven.text();
  EXPECT_TRUE(proven.says(lent().endpoint("rehearsal").uri)) << proven.text();
  EXPECT_TRUE(proven.says("not made there and not compared: roles")) << proven.text();
  EXPECT_TRUE(proven.says("our own role stands there for \"shop_owner\" \"shop_reader\""))
      << proven.text();
  EXPECT_FALSE(proven.says("instance's own")) << proven.text();
  EXPECT_TRUE(proven.says("restoring took")) << proven.text();
  expect_untouched();
  const std::string xml = read_text(junit);
  EXPECT_NE(xml.find("name=\"endpoint\" value=\"db: rehearsed on postgresql"), std::string::npos)
      << xml;
  EXPECT_NE(xml.find("name=\"restore_seconds\" value=\""), std::string::npos) << xml;
  EXPECT_EQ(xml.find("name=\"restore_seconds\" value=\"0.000\""), std::string::npos) << xml;
  const Outcome told = place_->holdfast({"drill", "-I", path, "--json"});
  ASSERT_EQ(told.exit_code, 0) << told.text();
  const Json summary = told.lines().back();
  EXPECT_GT(summary.at("restore_seconds").as_double(), 0);
  EXPECT_LE(summary.at("restore_seconds").as_double(), summary.at("total_seconds").as_double());
  const Json& place = summary.at("endpoints").as_array().at(0);
  EXPECT_EQ(place.at("component").as_string(), "db");
  EXPECT_EQ(place.at("user").as_string(), "guest");
  EXPECT_EQ(place.at("uri").as_string(), lent().endpoint("rehearsal").uri);
  EXPECT_FALSE(place.at("version").as_string().empty());
  EXPECT_FALSE(told.says(secret));
  EXPECT_TRUE(watcher.found().empty()) << *watcher.found().begin();
  EXPECT_EQ(read_text(lent().server().log_file()).find(secret), std::string::npos);
  for (const auto& entry : fs::recursive_directory_iterator(place_->root())) {
    if (!entry.is_regular_file() || entry.path() == password()) continue;
    EXPECT_EQ(read_text(entry.path()).find(secret), std::string::npos) << entry.path();
  }
  expect_untouched();
}

// With the roles of the copy there and ours to become, all of it is compared.
TEST_F(PostgresqlEndpoint, ComparesOwnersAndGrantsWhereTheRolesAre) {
  lent().psql("postgres",
              "CREATE ROLE shop_owner; CREATE ROLE shop_reader; GRANT shop_owner TO guest");
  before_ = state(lent());
  const Outcome proven = place_->holdfast({"drill", "-I", instance(endpoint())});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_FALSE(proven.says("not compared: owners")) << proven.text();
  expect_untouched();
}

TEST_F(PostgresqlEndpoint, NoticesWhatIsChangedAndWrongAnswers) {
  const Outcome wrong = place_->holdfast(
      {"drill", "-I", instance(endpoint() + query("select count(*) from orders", "4999"))});
  EXPECT_EQ(wrong.exit_code, 21) << wrong.text();
  EXPECT_TRUE(wrong.says("query 1: expected 4999, found 5000")) << wrong.text();
  expect_untouched();
  struct Tampering {
    std::string file, old, by, named;
  };
  for (const Tampering& one :
       {Tampering{"tables/public/customers/00000.copy", "customer 77\n", "customer 7X\n",
                  "table public.customers"},
        Tampering{"schema-post-data.sql", "CREATE INDEX \"orders_by_customer\"",
                  "CREATE INDEX \"orders_by_nobody\"", "orders_by_customer"},
        Tampering{"schema-pre-data.sql", "CREATE TABLE \"public\".\"orders\"",
                  "CREATE TABLE \"public\".\"ordures\"", "orders"}}) {
    const fs::path copy = *place_ / "copy";
    ASSERT_EQ(place_
                  ->holdfast({"restore", "latest:/", "--target", copy.string(), "--tag", "holdfast",
                              "--path", "/shop"})
                  .exit_code,
              0);
    const fs::path file = copy / "shop/databases/db" / one.file;
    std::string text = read_text(file);
    const std::size_t at = text.find(one.old);
    ASSERT_NE(at, std::string::npos) << one.old << " in\n" << text.substr(0, 4000);
    write_text(file, text.replace(at, one.old.size(), one.by));
    const Outcome changed = place_->run({"env", "-C", copy.string(), "restic", "--no-cache",
                                         "backup", "--json", "--quiet", "shop"});
    ASSERT_EQ(changed.exit_code, 0) << changed.text();
    const Outcome noticed =
        place_->holdfast({"drill", changed.lines().back().at("snapshot_id").as_string(), "-I",
                          instance(endpoint())});
    EXPECT_EQ(noticed.exit_code, 21) << noticed.text();
    EXPECT_TRUE(noticed.says(one.named)) << noticed.text();
    expect_untouched();
    fs::remove_all(copy);
  }
}

// Killed while it makes, loads, builds an index, or asks: what it left is taken away by whoever
// comes after it.
TEST_F(PostgresqlEndpoint, LeavesNothingWhenKilled) {
  source().make_database(
      "slow",
      "CREATE FUNCTION slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';"
      "CREATE TABLE slow_one (a int); INSERT INTO slow_one VALUES (1);"
      "CREATE INDEX slowly ON slow_one (slow(a));"
      "CREATE OR REPLACE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
      " 'BEGIN PERFORM pg_sleep(100); RETURN 1; END'");
  const std::string path = instance(endpoint(), "slow");
  const Outcome saved = place_->holdfast({"backup", "-I", path});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const auto sees = [](const std::string& condition) {
    return lent().psql("postgres", "SELECT EXISTS (" + condition + ")") == "t\n";
  };
  const std::string ours = "SELECT FROM pg_stat_activity WHERE datname LIKE '%\\_holdfast\\_%'";
  const std::vector<std::string> stages{
      "SELECT FROM pg_database WHERE datname LIKE '%\\_holdfast\\_%'", ours,
      ours + " AND query LIKE '%CREATE INDEX%'"};
  for (const int number : {SIGKILL, SIGTERM}) {
    for (const std::string& stage : stages) {
      SCOPED_TRACE(fmt::format("{} at: {}", number, stage));
      Started run = place_->start({"drill", "-I", path});
      EXPECT_TRUE(eventually([&] { return sees(stage) || run.has_ended(); }));
      EXPECT_FALSE(run.has_ended());
      run.kill(number);
      const Outcome ended = run.wait();
      EXPECT_EQ(ended.exit_code, number == SIGKILL ? 137 : 130) << ended.text();
      if (number == SIGKILL) {
        EXPECT_TRUE(eventually([&] { return place_->holdfast({"resume"}).exit_code == 0; }));
      }
      EXPECT_TRUE(eventually([&] { return !sees(ours); }));
      expect_untouched();
    }
  }
}

TEST_F(PostgresqlEndpoint, IsKilledWhileItAsks) {
  Started run = place_->start(
      {"drill", "-I",
       instance(endpoint() + query("select count(*) from orders, pg_sleep(100)", "5000"))});
  EXPECT_TRUE(eventually([&] {
    return lent().psql("postgres",
                       "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE "
                       "'%\\_holdfast\\_%' AND query LIKE '%pg_sleep(100)%'") != "0\n" ||
           run.has_ended();
  }));
  run.kill(SIGKILL);
  EXPECT_EQ(run.wait().exit_code, 137);
  EXPECT_TRUE(eventually([&] { return place_->holdfast({"resume"}).exit_code == 0; }));
  expect_untouched();
}

// By a superuser all is made but what is the server's.
TEST_F(PostgresqlEndpoint, RehearsesEveryKindOfObject) {
  source().psql("postgres", read_text(fs::path(HOLDFAST_TEST_DATA) / "postgresql_roles.sql"));
  source().make_database("everything",
                         read_text(fs::path(HOLDFAST_TEST_DATA) / "postgresql_everything.sql"));
  const std::string path = instance(
      fmt::format("[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                  lent().endpoint("rehearsal").uri),
      "everything");
  const Outcome saved = place_->holdfast({"backup", "-I", path});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const Outcome proven = place_->holdfast({"drill", "-I", path});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  expect_untouched();
}

TEST_F(PostgresqlEndpoint, TakesThePrintedRoleAndMissesEachRight) {
  lent().psql("postgres",
              "ALTER ROLE guest NOCREATEDB; CREATE ROLE shop_owner; CREATE ROLE shop_reader");
  before_ = state(lent());
  const std::string path = instance(endpoint("postgres"));
  const Outcome refused = place_->holdfast({"drill", "-I", path});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("ALTER ROLE \"guest\" CREATEDB;")) << refused.text();
  expect_untouched();
  const Outcome printed = place_->holdfast({"grants", "restore", "-I", path});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  const std::size_t at = printed.output.find("-- drill.endpoint of db (");
  ASSERT_NE(at, std::string::npos) << printed.output;
  lent().psql("postgres", printed.output.substr(at));
  before_ = state(lent());
  const Outcome proven = place_->holdfast({"drill", "-I", path});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("our own role stands there for \"shop_owner\"")) << proven.text();
  expect_untouched();
}

// On the server of the instance itself, and under its database's own name, that is not touched.
TEST_F(PostgresqlEndpoint, MayBeTheInstancesOwnServer) {
  const std::string before = state(source());
  const std::string rows = source().psql("shop", "SELECT ctid, xmin, * FROM orders ORDER BY id");
  const Outcome proven = place_->holdfast(
      {"drill", "-I",
       instance(fmt::format(
           "[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"{}\"\nuser = \"postgres\"\n",
           source().endpoint("shop").uri))});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("the server is the instance's own")) << proven.text();
  EXPECT_FALSE(proven.says("not compared: owners")) << proven.text();
  EXPECT_EQ(state(source()), before);
  EXPECT_EQ(source().psql("shop", "SELECT ctid, xmin, * FROM orders ORDER BY id"), rows);
}

TEST_F(PostgresqlEndpoint, RefusesByOneClearError) {
  const auto expect_refused = [&](const std::string& more, const std::string& words) {
    const Outcome outcome = place_->holdfast({"drill", "-I", instance(more)});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says(words)) << outcome.text();
    EXPECT_FALSE(outcome.says("-secret-q9")) << outcome.text();
    expect_untouched();
  };
  expect_refused(endpoint("rehearsal", "nobody"),
                 "[[drill.endpoint]] names \"nobody\", which is no database of the instance");
  expect_refused(endpoint() + endpoint(), "two [[drill.endpoint]] stand in for \"db\"");
  expect_refused("[[drill.endpoint]]\ncomponent = \"db\"\n",
                 "`uri` is missing in [[drill.endpoint]]");
  expect_refused("[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"mysql://localhost/x\"\n",
                 "is of engine mariadb, the database of postgresql");
  expect_refused("[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"postgresql://a:b@c/d\"\n",
                 "`uri` holds a password");
  expect_refused(
      "[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"postgresql:///d\"\ngrants = "
      "\"restore\"\n",
      "unknown key `grants` in [[drill.endpoint]]");
  expect_refused(
      "[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"postgresql:///d?host=/nowhere\"\n",
      "[[drill.endpoint]] of db");
  fs::permissions(password(), fs::perms(0604));
  expect_refused(endpoint(), "can be read by every user of this machine");
  fs::permissions(password(), fs::perms(0600));
  write_text(password(), "Zt7-wrong-secret-q9\n");
  expect_refused(endpoint(), "authentication failed");
}

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// A drill of MariaDB on a server that somebody lends: it proves a copy or names what was changed in
// it, and leaves that server as it was, whatever ends the drill. And on a private server, killed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/mariadb_server.h"
#include "harness/program.h"
#include "harness/secret_watcher.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view secret = "Zt7-lent-secret-q9";

class MariadbEndpoint : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = std::make_unique<MariadbServer>();
    lent_ = std::make_unique<MariadbServer>();
    source_->run("CREATE USER boss@localhost IDENTIFIED BY 'x'");
    source_->run("CREATE DATABASE shop");
    source_->run(
        "CREATE TABLE shop.customers (id INT PRIMARY KEY, name VARCHAR(40), KEY by_name (name))");
    source_->run(
        "INSERT INTO shop.customers SELECT seq, CONCAT('customer ', seq) FROM "
        "mysql.seq_1_to_2000");
    source_->run(
        "CREATE TABLE shop.orders (id INT PRIMARY KEY, customer INT, CONSTRAINT of_customer "
        "FOREIGN KEY (customer) REFERENCES shop.customers (id))");
    source_->run("INSERT INTO shop.orders SELECT seq, seq FROM mysql.seq_1_to_400");
    source_->run("CREATE SEQUENCE shop.numbers");
    source_->run(
        "CREATE DEFINER=boss@localhost VIEW shop.names AS SELECT name FROM shop.customers");
    source_->run("CREATE PROCEDURE shop.tidy() DELETE FROM shop.orders WHERE id < 0");
    source_->run(
        "CREATE TRIGGER shop.checked BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.id = "
        "NEW.id");
    source_->run("CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders");
    source_->run("GRANT SELECT, INSERT ON shop.* TO boss@localhost");
    place_ = std::make_unique<Place>();
    fs::permissions(place_->root(), fs::perms(0711));
    EXPECT_EQ(place_->holdfast({"init"}).exit_code, 0);
    const Outcome saved = place_->holdfast({"backup", "-I", instance("")});
    EXPECT_EQ(saved.exit_code, 0) << saved.text();
  }
  static void TearDownTestSuite() {
    source_.reset();
    lent_.reset();
    place_.reset();
  }
  MariadbEndpoint() {
    lent_->run(fmt::format("CREATE USER guest@localhost IDENTIFIED BY '{}'", secret));
    lent_->run("GRANT ALL ON *.* TO guest@localhost");
    write_text(password(), std::string(secret) + "\n");
    fs::permissions(password(), fs::perms(0600));
    before_ = state(*lent_);
  }
  ~MariadbEndpoint() override { lent_->run("DROP USER guest@localhost"); }

  // All that a server has beside the content of its schemas.
  static std::vector<std::string> state(const MariadbServer& server) {
    std::vector<std::string> lines = server.rows("SHOW DATABASES");
    for (const char* table :
         {"global_priv", "db", "tables_priv", "procs_priv", "roles_mapping", "event", "proc"}) {
      for (std::string& line : server.rows(fmt::format("SELECT * FROM mysql.{}", table)))
        lines.push_back(std::move(line));
    }
    return lines;
  }
  static fs::path password() { return *place_ / "server-password"; }
  static std::string endpoint(const std::string& component = "db") {
    return fmt::format(
        "[[drill.endpoint]]\ncomponent = \"{}\"\nuri = \"{}\"\nuser = \"guest\"\npassword_file = "
        "\"{}\"\n",
        component, lent_->uri("rehearsal"), password().string());
  }
  static std::string query(const std::string& sql, const std::string& expect) {
    return fmt::format("[[drill.query]]\ncomponent = \"db\"\nsql = \"{}\"\nexpect = \"{}\"\n", sql,
                       expect);
  }
  static std::string instance(const std::string& more) {
    const std::string path = (*place_ / "shop.toml").string();
    write_text(path, "name = \"shop\"\n" + source_->instance_table("db", "shop") + more);
    return path;
  }
  void expect_untouched() {
    EXPECT_EQ(state(*lent_), before_);
    EXPECT_TRUE(fs::is_empty(place_->scratch()));
    const fs::path journals = place_->state() / "journals";
    EXPECT_TRUE(!fs::exists(journals) || fs::is_empty(journals));
  }

  static std::unique_ptr<MariadbServer> source_, lent_;
  static std::unique_ptr<Place> place_;
  std::vector<std::string> before_;
};

std::unique_ptr<MariadbServer> MariadbEndpoint::source_, MariadbEndpoint::lent_;
std::unique_ptr<Place> MariadbEndpoint::place_;

TEST_F(MariadbEndpoint, ProvesACopyAndLeavesNothing) {
  const std::string path =
      instance(endpoint() + query("select count(*) from orders", "400") +
               query("select database() regexp '^rehearsal_holdfast_[0-9a-f]+$'", "1") +
               query("select group_concat(distinct definer) from information_schema.views where "
                     "table_schema = database()",
                     "guest@localhost"));
  const fs::path junit = *place_ / "drill.xml";
  SecretWatcher watcher(std::string(secret), place_->scratch());
  const Outcome proven = place_->holdfast({"drill", "-I", path, "--junit", junit.string()});
  ASSERT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("is proven")) << proven.text();
  EXPECT_TRUE(proven.says("db: rehearsed on mariadb " + lent_->value("SELECT VERSION()") + " at " +
                          lent_->uri("rehearsal") + " as guest"))
      << proven.text();
  EXPECT_TRUE(proven.says("not made there and not compared: accounts")) << proven.text();
  EXPECT_FALSE(proven.says("instance's own")) << proven.text();
  expect_untouched();
  const std::string xml = read_text(junit);
  EXPECT_NE(xml.find("name=\"endpoint\" value=\"db: rehearsed on mariadb"), std::string::npos)
      << xml;
  EXPECT_NE(xml.find("name=\"restore_seconds\" value=\""), std::string::npos) << xml;
  EXPECT_EQ(xml.find("name=\"restore_seconds\" value=\"0.000\""), std::string::npos) << xml;
  const Outcome told = place_->holdfast({"drill", "-I", path, "--json"});
  ASSERT_EQ(told.exit_code, 0) << told.text();
  const Json summary = told.lines().back();
  EXPECT_GT(summary.at("restore_seconds").as_double(), 0);
  EXPECT_LE(summary.at("restore_seconds").as_double(), summary.at("total_seconds").as_double());
  EXPECT_EQ(summary.at("endpoints").as_array().at(0).at("uri").as_string(),
            lent_->uri("rehearsal"));
  EXPECT_TRUE(watcher.found().empty()) << *watcher.found().begin();
  for (const auto& entry : fs::recursive_directory_iterator(place_->root())) {
    if (!entry.is_regular_file() || entry.path() == password()) continue;
    EXPECT_EQ(read_text(entry.path()).find(secret), std::string::npos) << entry.path();
  }
  expect_untouched();
}

TEST_F(MariadbEndpoint, NoticesWhatIsChangedAndWrongAnswers) {
  const Outcome wrong = place_->holdfast(
      {"drill", "-I", instance(endpoint() + query("select count(*) from orders", "399"))});
  EXPECT_EQ(wrong.exit_code, 21) << wrong.text();
  EXPECT_TRUE(wrong.says("query 1: expected 399, found 400")) << wrong.text();
  expect_untouched();
  struct Tampering {
    std::string file, old, by, named;
  };
  for (const Tampering& one :
       {Tampering{"tables/customers/00000.tsv", "customer 77\n", "customer 7X\n",
                  "table customers"},
        Tampering{"objects.sql", "id < 0\n;;", "id < 9\n;;", "tidy"},
        Tampering{"schema.sql", "REFERENCES `customers`", "REFERENCES `clients`", "orders"}}) {
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

// Killed as soon as it has made something, with rows in it, and while it asks, which goes on in the
// server and keeps the table from being dropped: what it left is taken away by whoever comes after
// it.
TEST_F(MariadbEndpoint, LeavesNothingWhenKilled) {
  const std::string path = instance(
      endpoint() + query("select count(*) from orders where sleep(100) = 0 or id > 0", "400"));
  const std::string ours = "LIKE '%\\\\_holdfast\\\\_%'";
  const std::vector<std::string> stages{
      "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME " + ours,
      "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA " + ours,
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE '%sleep(100)%' AND DB " +
          ours};
  for (const int number : {SIGKILL, SIGTERM}) {
    for (const std::string& stage : stages) {
      if (number == SIGTERM && &stage == &stages.back()) continue;  // a question is not broken off
      SCOPED_TRACE(fmt::format("{} at: {}", number, stage));
      Started run = place_->start({"drill", "-I", path});
      EXPECT_TRUE(eventually([&] { return lent_->value(stage) != "0" || run.has_ended(); }));
      EXPECT_FALSE(run.has_ended());
      run.kill(number);
      const Outcome ended = run.wait();
      EXPECT_EQ(ended.exit_code, number == SIGKILL ? 137 : 130) << ended.text();
      if (number == SIGKILL) {
        EXPECT_TRUE(eventually([&] { return place_->holdfast({"resume"}).exit_code == 0; }));
      }
      expect_untouched();
      EXPECT_TRUE(eventually([&] {
        return lent_->value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB " +
                            ours) == "0";
      }));
    }
  }
}

// The same with a private server.
TEST_F(MariadbEndpoint, LeavesNoScratchServerWhenKilled) {
  const std::string path =
      instance("[drill]\nuser = \"nobody\"\n" +
               query("select count(*) from orders where sleep(100) = 0 or id > 0", "400"));
  const auto data = [&]() -> fs::path {
    std::error_code ignored;
    for (fs::recursive_directory_iterator at(place_->scratch(), ignored), end; at != end;
         at.increment(ignored)) {
      if (at->path().filename() == "ibdata1") return at->path();
    }
    return {};
  };
  const auto users = [&] {
    return place_->run({"pgrep", "--full", "--count", place_->scratch().string()}).output;
  };
  Started run = place_->start({"drill", "-I", path});
  EXPECT_TRUE(eventually([&] { return !data().empty() || run.has_ended(); }));
  ASSERT_FALSE(run.has_ended());
  EXPECT_NE(users(), "0\n");
  if (::geteuid() == 0) {
    const Outcome owner = place_->run({"stat", "--format=%U", data().string()});
    EXPECT_EQ(owner.output, "nobody\n") << owner.text();
  }
  run.kill(SIGKILL);
  EXPECT_EQ(run.wait().exit_code, 137);
  EXPECT_TRUE(eventually([&] { return place_->holdfast({"resume"}).exit_code == 0; }));
  EXPECT_TRUE(eventually([&] { return fs::is_empty(place_->scratch()); }));
  EXPECT_TRUE(eventually([&] { return users() == "0\n"; }));
}

// The server lets us in no more when all is compared: what stays is told, and taken away later.
TEST_F(MariadbEndpoint, TellsWhatItCouldNotRemove) {
  const std::string path =
      instance(endpoint() + query("select get_lock('holdfast_test', 100)", "1"));
  auto session = std::make_unique<engine::mariadb::Connection>(lent_->connect());
  ASSERT_EQ(session->value("SELECT GET_LOCK('holdfast_test', 0)"), "1");
  Started run = place_->start({"drill", "-I", path});
  EXPECT_TRUE(eventually([&] {
    return lent_->value(
               "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User "
               "lock'") == "1" ||
           run.has_ended();
  }));
  lent_->run("ALTER USER guest@localhost IDENTIFIED BY 'another'");
  session.reset();
  const Outcome ended = run.wait();
  EXPECT_EQ(ended.exit_code, 3) << ended.text();
  EXPECT_TRUE(ended.says("not everything of it could be removed")) << ended.text();
  EXPECT_TRUE(ended.says("is proven")) << ended.text();
  EXPECT_NE(place_->holdfast({"resume"}).exit_code, 0);
  EXPECT_NE(state(*lent_), before_);
  lent_->run(fmt::format("ALTER USER guest@localhost IDENTIFIED BY '{}'", secret));
  const Outcome resumed = place_->holdfast({"resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
  lent_->run("DROP USER guest@localhost");
  lent_->run(fmt::format("CREATE USER guest@localhost IDENTIFIED BY '{}'", secret));
  EXPECT_EQ(lent_->value("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE "
                         "'%\\_holdfast\\_%'"),
            "0");
}

TEST_F(MariadbEndpoint, TakesThePrintedRoleAndMissesEachRight) {
  lent_->run("DROP USER guest@localhost");
  const std::string path = instance(endpoint());
  const Outcome printed = place_->holdfast({"grants", "restore", "-I", path});
  ASSERT_EQ(printed.exit_code, 0) << printed.text();
  std::vector<std::string> given;
  const std::size_t begin = printed.output.find("-- drill.endpoint of db (");
  ASSERT_NE(begin, std::string::npos) << printed.output;
  for (std::size_t at = begin; at < printed.output.size();) {
    const std::size_t end = printed.output.find('\n', at);
    std::string line = printed.output.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("--")) continue;
    if (const std::size_t dots = line.find("'...'"); dots != std::string::npos)
      line.replace(dots, 5, fmt::format("'{}'", secret));
    lent_->run(line);
    if (line.find("holdfast") != std::string::npos) given.push_back(line);
  }
  before_ = state(*lent_);
  const Outcome proven = place_->holdfast({"drill", "-I", path});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  expect_untouched();
  ASSERT_EQ(given.size(), 1U) << printed.output;
  const std::string on = " ON `rehearsal\\_holdfast\\_%`.* ";
  for (const std::string privilege : {"CREATE", "DROP", "INSERT", "TRIGGER"}) {
    lent_->run("REVOKE " + privilege + on + "FROM guest@localhost");
    before_ = state(*lent_);
    const Outcome refused = place_->holdfast({"drill", "-I", path});
    EXPECT_EQ(refused.exit_code, 20) << refused.text();
    EXPECT_TRUE(refused.says("GRANT " + privilege + on)) << refused.text();
    expect_untouched();
    lent_->run("GRANT " + privilege + on + "TO guest@localhost");
  }
}

TEST_F(MariadbEndpoint, MayBeTheInstancesOwnServer) {
  const std::vector<std::string> before = state(*source_);
  const std::string rows = source_->value("CHECKSUM TABLE shop.orders EXTENDED");
  const Outcome proven = place_->holdfast(
      {"drill", "-I",
       instance(fmt::format("[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"{}\"\nuser = "
                            "\"root\"\n",
                            source_->uri("shop")))});
  EXPECT_EQ(proven.exit_code, 0) << proven.text();
  EXPECT_TRUE(proven.says("the server is the instance's own")) << proven.text();
  EXPECT_EQ(state(*source_), before);
  EXPECT_EQ(source_->value("CHECKSUM TABLE shop.orders EXTENDED"), rows);
}

TEST_F(MariadbEndpoint, RefusesByOneClearError) {
  const auto expect_refused = [&](const std::string& more, const std::string& words) {
    const Outcome outcome = place_->holdfast({"drill", "-I", instance(more)});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_TRUE(outcome.says(words)) << outcome.text();
    EXPECT_FALSE(outcome.says("-secret-q9")) << outcome.text();
    expect_untouched();
  };
  expect_refused(endpoint("nobody"),
                 "[[drill.endpoint]] names \"nobody\", which is no database of the instance");
  expect_refused(endpoint() + endpoint(), "two [[drill.endpoint]] stand in for \"db\"");
  expect_refused("[[drill.endpoint]]\ncomponent = \"db\"\nuri = \"mysql:///d?socket=/nowhere\"\n",
                 "[[drill.endpoint]] of db");
  write_text(password(), "Zt7-wrong-secret-q9\n");
  expect_refused(endpoint(), "Access denied");
}

}  // namespace
}  // namespace holdfast::test

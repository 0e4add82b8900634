// SPDX-License-Identifier: Apache-2.0
// A restore of two databases and a directory is all or nothing, whatever ends it between two
// switches: and if it was all, nothing of it is undone. Whatever others did meanwhile stays.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// A transaction that somebody has prepared in `vault` keeps it from being renamed, for 15 seconds.
class PostgresqlSwitch : public testing::Test {
 protected:
  PostgresqlSwitch() {
    server_.clean();
    for (const char* name : {"bank", "vault"})
      server_.make_database(name, "CREATE TABLE t AS SELECT 'copied' AS state");
    fs::create_directories(uploads());
    write_text(uploads() / "file", "copied");
    std::string text = "name = \"bank\"\n";
    for (const char* name : {"bank", "vault"}) {
      text += fmt::format(
          "\n[[database]]\nname = \"{0}\"\nengine = \"postgresql\"\nuri = \"{1}\"\n"
          "user = \"postgres\"\n",
          name, server_.endpoint(name).uri);
    }
    text += fmt::format("\n[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n", uploads().string());
    write_text(instance(), text);
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
    const Outcome saved = place_.holdfast({"backup", "-I", instance().string()});
    EXPECT_EQ(saved.exit_code, 0) << saved.text();
    for (const char* name : {"bank", "vault"}) server_.psql(name, "UPDATE t SET state = 'live'");
    write_text(uploads() / "file", "live");
    server_.psql("vault", "BEGIN; CREATE TABLE held (a int); PREPARE TRANSACTION 'held'");
  }
  ~PostgresqlSwitch() override {
    let_go();
    server_.clean();
  }

  [[nodiscard]] fs::path uploads() const { return place_ / "uploads"; }
  [[nodiscard]] fs::path instance() const { return place_ / "bank.toml"; }
  [[nodiscard]] fs::path journals() const { return place_.state() / "journals"; }
  // Sessions in that database are ended meanwhile: again and again.
  void let_go() const {
    EXPECT_TRUE(eventually([&] {
      std::string database =
          server_.psql("postgres", "SELECT database FROM pg_prepared_xacts WHERE gid = 'held'");
      if (database.empty()) return true;
      database.pop_back();
      try {
        server_.psql(database, "ROLLBACK PREPARED 'held'");
      } catch (const Error&) {  // ended, or renamed
      }
      return false;
    }));
  }
  Started start() {
    return place_.start({"restore", "latest", "-I", instance().string(), "--replace"});
  }
  // The first database is in its place, the second is about to be.
  [[nodiscard]] bool is_between() const {
    if (first_with("bank_before_").empty()) return false;
    const fs::path journal = fs::directory_iterator(journals())->path();
    return read_text(journal / "entries").find("\"last\":true") != std::string::npos;
  }
  [[nodiscard]] std::string first_with(const std::string& beginning) const {
    for (const std::string& name : server_.databases())
      if (name.starts_with(beginning)) return name;
    return "";
  }
  [[nodiscard]] std::string states() const {
    return server_.psql("bank", "SELECT state FROM t") +
           server_.psql("vault", "SELECT state FROM t") + read_text(uploads() / "file");
  }
  // Until nothing is left to do; all that it says.
  std::string resume() {
    std::string text;
    EXPECT_TRUE(eventually([&] {
      const Outcome outcome = place_.holdfast({"resume"});
      text += outcome.text();
      return outcome.exit_code == 0 && fs::is_empty(journals());
    }));
    return text;
  }

  PostgresServer& server_ = PostgresServer::shared();
  Place place_;
};

TEST_F(PostgresqlSwitch, PutsAllBackIfTheSecondDatabaseCannotBeSwitched) {
  Started run = start();
  ASSERT_TRUE(eventually([&] { return is_between() || run.has_ended(); }));
  server_.psql("bank", "INSERT INTO t VALUES ('new')");  // somebody uses it already
  const Outcome outcome = run.wait();
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.says("vault")) << outcome.text();
  EXPECT_EQ(states(), "live\nlive\nlive");
  const std::string undone = first_with("bank_undone_");
  ASSERT_FALSE(undone.empty());
  EXPECT_TRUE(outcome.says("DROP DATABASE \"" + undone + "\"")) << outcome.text();
  EXPECT_EQ(server_.psql(undone, "SELECT state FROM t ORDER BY 1"), "copied\nnew\n");
  EXPECT_EQ(server_.databases(), (std::vector<std::string>{"bank", undone, "vault"}));
  EXPECT_TRUE(fs::is_empty(journals()));
}

TEST_F(PostgresqlSwitch, PutsAllBackIfItIsKilledBetweenTwoSwitches) {
  Started run = start();
  ASSERT_TRUE(eventually([&] { return is_between() || run.has_ended(); }));
  run.kill(SIGKILL);
  static_cast<void>(run.wait());
  const std::string said = resume();
  EXPECT_EQ(states(), "live\nlive\nlive");
  const std::string undone = first_with("bank_undone_");
  ASSERT_FALSE(undone.empty());
  EXPECT_NE(said.find("stays as " + undone), std::string::npos) << said;
  EXPECT_EQ(server_.databases(), (std::vector<std::string>{"bank", undone, "vault"}));
}

// The journal as it is when the power fails after the last switch and before it is settled.
TEST_F(PostgresqlSwitch, LeavesWhatIsFoundDoneAndUndoesNothingByHalves) {
  Started run = start();
  ASSERT_TRUE(eventually([&] { return is_between() || run.has_ended(); }));
  const fs::path saved = place_ / "journals";
  fs::copy(journals(), saved, fs::copy_options::recursive);
  let_go();
  const Outcome outcome = run.wait();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  ASSERT_TRUE(fs::is_empty(journals()));
  const auto lose_power = [&] { fs::copy(saved, journals(), fs::copy_options::recursive); };

  lose_power();
  const Outcome found = place_.holdfast({"resume"});
  EXPECT_EQ(found.exit_code, 0) << found.text();
  EXPECT_TRUE(found.says("was done, and stays")) << found.text();
  EXPECT_EQ(states(), "copied\ncopied\ncopied");
  EXPECT_TRUE(fs::is_empty(journals()));

  // Not done, as the last switch is not found; and what the first one replaced is lost.
  lose_power();
  server_.psql("postgres", "ALTER DATABASE vault RENAME TO elsewhere");
  const std::string kept = first_with("bank_before_");
  server_.psql("postgres", fmt::format("ALTER DATABASE \"{}\" RENAME TO lost", kept));
  const Outcome stuck = place_.holdfast({"resume"});
  EXPECT_NE(stuck.exit_code, 0);
  EXPECT_TRUE(stuck.says(kept)) << stuck.text();
  EXPECT_TRUE(stuck.says("remove " + journals().string())) << stuck.text();
  EXPECT_EQ(server_.psql("bank", "SELECT state FROM t"), "copied\n");
  EXPECT_EQ(read_text(uploads() / "file"), "copied");
  server_.psql("postgres", fmt::format("ALTER DATABASE lost RENAME TO \"{}\"", kept));
  const std::string said = resume();
  EXPECT_NE(said.find("stays as " + first_with("bank_undone_")), std::string::npos) << said;
  EXPECT_EQ(server_.psql("bank", "SELECT state FROM t"), "live\n");
  EXPECT_EQ(read_text(uploads() / "file"), "live");
}

TEST_F(PostgresqlSwitch, RefusesTwoComponentsOfOneDatabase) {
  let_go();
  std::string text = read_text(instance());
  const std::string from = server_.endpoint("vault").uri, to = server_.endpoint("bank").uri;
  text.replace(text.find(from), from.size(), to + "&sslmode=prefer");
  write_text(instance(), text);
  const Outcome outcome =
      place_.holdfast({"restore", "latest", "-I", instance().string(), "--replace"});
  EXPECT_EQ(outcome.exit_code, 20) << outcome.text();
  EXPECT_TRUE(outcome.says("target-overlap")) << outcome.text();
}

}  // namespace
}  // namespace holdfast::test

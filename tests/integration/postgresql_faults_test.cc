// SPDX-License-Identifier: Apache-2.0
// What goes wrong on the target server while a copy is loaded or put in place: the server dies,
// ends our sessions, or runs out of disk; or we are asked to stop. The original stays whole,
// nothing claims success, nothing is left, and the next restore is as good as any.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// It writes its log before a commit returns, as others do.
PostgresServer& durable_server() {
  static PostgresServer the_server(
      {{"synchronous_commit", "on"}, {"wal_level", "replica"}, {"max_prepared_transactions", "4"}});
  return the_server;
}

class PostgresqlFaults : public testing::Test {
 protected:
  PostgresqlFaults() {
    server_.clean();
    // Making the index takes as long as we want.
    server_.make_database(
        "shop",
        "CREATE TABLE t AS SELECT 'copied' AS state;"
        "CREATE TABLE big AS SELECT i, repeat('x', 200) AS filler FROM"
        " generate_series(1, 20000) i; CREATE TABLE one AS SELECT 1 AS a;"
        "CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN"
        " IF current_setting('faults.wait', true) = 'on' THEN PERFORM pg_sleep(120); END IF;"
        " RETURN $1; END $$; CREATE INDEX slowly ON one (slow(a))");
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
    const Outcome saved = place_.holdfast({"backup", "-I", instance("shop")});
    EXPECT_EQ(saved.exit_code, 0) << saved.text();
    server_.psql("shop", "UPDATE t SET state = 'live'");
  }
  ~PostgresqlFaults() override {
    loads_wait(false);
    server_.clean();
  }

  std::string instance(const std::string& database, const std::string& more = "") {
    const std::string path = (place_ / (database + ".toml")).string();
    write_text(path, fmt::format("name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"postgres\"\n{}",
                                 server_.endpoint(database).uri, more));
    return path;
  }
  void loads_wait(bool wait) const {
    server_.psql("postgres", wait ? "ALTER ROLE postgres SET faults.wait = 'on'"
                                  : "ALTER ROLE postgres RESET faults.wait");
  }
  [[nodiscard]] std::vector<std::string> words(bool replace) {
    std::vector<std::string> words{"restore", "latest", "-I", instance(replace ? "shop" : "fresh")};
    if (replace) words.emplace_back("--replace");
    return words;
  }
  // Starts a restore, and returns when it has loaded all rows and makes indexes.
  Started start_loading(bool replace) {
    loads_wait(true);
    Started run = place_.start(words(replace));
    EXPECT_TRUE(eventually([&] {
      return run.has_ended() ||
             server_.psql("postgres",
                          "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                          "'holdfast' AND state = 'active' AND query LIKE '%INDEX%slowly%'") !=
                 "0\n";
    }));
    EXPECT_FALSE(run.has_ended());
    return run;
  }
  // Starts a restore in whose last step somebody keeps the old database from being renamed.
  Started start_switching() {
    server_.psql("shop", "BEGIN; CREATE TABLE held (a int); PREPARE TRANSACTION 'held'");
    Started run = place_.start(words(true));
    EXPECT_TRUE(eventually([&] { return is_switching() || run.has_ended(); }));
    EXPECT_FALSE(run.has_ended());
    return run;
  }
  [[nodiscard]] bool is_switching() const {
    std::error_code failure;
    for (const auto& journal : fs::directory_iterator(journals(), failure)) {
      if (read_text(journal.path() / "entries").find("\"switched\"") != std::string::npos)
        return true;
    }
    return false;
  }
  void let_switch() const {
    EXPECT_TRUE(eventually([&] {
      std::string database =
          server_.psql("postgres", "SELECT database FROM pg_prepared_xacts WHERE gid = 'held'");
      if (database.empty()) return true;
      database.pop_back();
      try {
        server_.psql(database, "ROLLBACK PREPARED 'held'");
      } catch (const Error&) {  // its sessions are ended meanwhile
      }
      return false;
    }));
  }
  // Ends the server as the kernel would, and starts it again on what it left.
  void crash() const {
    const fs::path data = server_.server().log_file().parent_path().parent_path();
    ::kill(server_.server().pid(), SIGKILL);
    server_.server().kill();  // and does not wait any longer for what is dead
    EXPECT_TRUE(eventually([&] {
      std::error_code failure;
      for (const auto& process : fs::directory_iterator("/proc", failure)) {
        if (fs::read_symlink(process.path() / "cwd", failure) == data && !failure) return false;
      }
      return true;
    }));
    fs::remove(data / "postmaster.pid");  // which says "ready"
    server_.server().start();
  }
  void expect_failed(const Outcome& outcome) {
    EXPECT_NE(outcome.exit_code, 0) << outcome.text();
    EXPECT_NE(outcome.exit_code, 2) << outcome.text();
    EXPECT_TRUE(outcome.says("db")) << outcome.text();
    EXPECT_FALSE(outcome.says("digests equal")) << outcome.text();
  }
  // Nothing but the original, as it was.
  void expect_original() {
    EXPECT_EQ(server_.databases(), std::vector<std::string>{"shop"});
    EXPECT_EQ(server_.psql("shop", "SELECT state FROM t"), "live\n");
    EXPECT_TRUE(fs::is_empty(journals()));
  }
  void expect_restorable() {
    loads_wait(false);
    const Outcome again = place_.holdfast(words(true));
    EXPECT_EQ(again.exit_code, 0) << again.text();
    EXPECT_EQ(server_.psql("shop", "SELECT state FROM t"), "copied\n");
  }
  // Only the original again, "live".
  void begin_anew() {
    server_.psql("shop", "UPDATE t SET state = 'live'");
    for (const std::string& name : server_.databases()) {
      if (name != "shop") server_.drop_database(name);
    }
  }
  void resume() {
    EXPECT_TRUE(eventually([&] {
      const Outcome outcome = place_.holdfast({"resume"});
      return outcome.exit_code == 0 && fs::is_empty(journals());
    }));
  }
  [[nodiscard]] fs::path journals() const { return place_.state() / "journals"; }

  PostgresServer& server_ = durable_server();
  Place place_;
};

TEST_F(PostgresqlFaults, TheServerIsKilledWhileItLoads) {
  for (const bool replace : {false, true}) {
    SCOPED_TRACE(replace);
    Started run = start_loading(replace);
    crash();
    expect_failed(run.wait());
    resume();
    expect_original();
  }
  expect_restorable();
}

TEST_F(PostgresqlFaults, TheServerIsKilledWhileItSwitches) {
  Started run = start_switching();
  crash();
  expect_failed(run.wait());
  resume();
  expect_original();
  let_switch();
  expect_restorable();
}

TEST_F(PostgresqlFaults, OurSessionsAreEnded) {
  const auto end_sessions = [&] {
    server_.psql("postgres",
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE application_name = 'holdfast'");
  };
  for (const bool replace : {false, true}) {
    SCOPED_TRACE(replace);
    Started run = start_loading(replace);
    loads_wait(false);
    end_sessions();
    const Outcome outcome = run.wait();
    expect_failed(outcome);
    EXPECT_TRUE(outcome.says("terminat") || outcome.says("connection was lost")) << outcome.text();
    expect_original();
  }
  Started run = start_switching();
  end_sessions();
  const Outcome outcome = run.wait();
  expect_failed(outcome);
  expect_original();
  let_switch();
  expect_restorable();
}

// A small file system of the server's, for a tablespace.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path directory) : directory_(std::move(directory)) {
    fs::create_directory(directory_);
    mounted_ = ::mount("none", directory_.c_str(), "tmpfs", 0, "size=24m,mode=0755") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount(directory_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  // A directory on it that belongs to whom `like` belongs to.
  [[nodiscard]] fs::path place_like(const fs::path& like) const {
    struct stat status {};
    fs::create_directory(directory_ / "space");
    EXPECT_EQ(::stat(like.c_str(), &status), 0);
    EXPECT_EQ(::chown((directory_ / "space").c_str(), status.st_uid, status.st_gid), 0);
    return directory_ / "space";
  }

 private:
  fs::path directory_;
  bool mounted_ = false;
};

TEST_F(PostgresqlFaults, TheServersDiskIsFull) {
  const SmallDisk disk(place_ / "disk");
  if (!disk.mounted()) GTEST_SKIP() << "only root mounts a small file system";
  server_.psql("postgres", fmt::format("CREATE TABLESPACE small LOCATION '{}'",
                                       disk.place_like(server_.server().log_file()).string()));
  server_.psql("shop",
               "INSERT INTO big SELECT i, repeat('y', 200) FROM generate_series(1, 100000) i");
  const fs::path roomy = place_ / "roomy";
  fs::create_directory(roomy);
  struct stat status {};
  ASSERT_EQ(::stat(server_.server().log_file().c_str(), &status), 0);
  ASSERT_EQ(::chown(roomy.c_str(), status.st_uid, status.st_gid), 0);
  server_.psql("postgres", fmt::format("CREATE TABLESPACE roomy LOCATION '{}'", roomy.string()));
  server_.psql("postgres", "ALTER DATABASE shop SET TABLESPACE roomy");
  const Outcome saved = place_.holdfast({"backup", "-I", instance("shop")});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  const std::string full = "[restore.tablespace]\nroomy = \"small\"\n";
  for (const bool replace : {false, true}) {
    SCOPED_TRACE(replace);
    std::vector<std::string> restore = words(replace);
    restore[3] = instance(replace ? "shop" : "fresh", full);
    const Outcome outcome = place_.holdfast(restore);
    expect_failed(outcome);
    EXPECT_TRUE(outcome.says("No space left on device") && outcome.says("53100") &&
                outcome.says("Make room"))
        << outcome.text();
    expect_original();
  }
  const Outcome again = place_.holdfast(words(true));
  EXPECT_EQ(again.exit_code, 0) << again.text();
  for (const std::string& name : server_.databases()) server_.drop_database(name);
  server_.psql("postgres", "DROP TABLESPACE small; DROP TABLESPACE roomy");
}

// Whoever sees success finds the new one, whoever sees a failure the old one.
TEST_F(PostgresqlFaults, ASignalInTheLastStepIsEitherTooLateOrInTime) {
  const auto judge = [&](const Outcome& outcome) {
    const std::string state = server_.psql("shop", "SELECT state FROM t");
    EXPECT_EQ(outcome.exit_code == 0, state == "copied\n") << state << outcome.text();
    EXPECT_TRUE(fs::is_empty(journals()));
    begin_anew();
  };
  for (const int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    {
      Started run = start_switching();
      run.kill(signal);
      let_switch();
      judge(run.wait());
    }
    for (const int delay_us : is_soak() ? std::vector<int>{0, 500, 1000, 2000, 5000, 20000, 50000}
                                        : std::vector<int>{0, 5000}) {
      Started run = place_.start(words(true));
      EXPECT_TRUE(eventually([&] { return is_switching() || run.has_ended(); }));
      ::usleep(static_cast<unsigned>(delay_us));
      run.kill(signal);
      judge(run.wait());
    }
  }
}

}  // namespace
}  // namespace holdfast::test

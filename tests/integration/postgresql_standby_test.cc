// SPDX-License-Identifier: Apache-2.0
// Backups from a standby of PostgreSQL: what they hold, what they cannot hold, and that it is said.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// A standby of the shared server, on a socket of its own.
class Standby {
 public:
  explicit Standby(PostgresServer& primary) : primary_(primary), directory_("hf-sb", "/tmp") {
    // As a private server has it, so that it is taken for one.
    fs::create_directory(socket());
    if (::geteuid() == 0) {
      // As whom the primary runs: its socket lets nobody else in.
      struct ::stat owner {};
      if (::stat(primary.server().socket_directory().c_str(), &owner) != 0 ||
          ::chown(directory_.path().c_str(), owner.st_uid, owner.st_gid) != 0 ||
          ::chown(socket().c_str(), owner.st_uid, owner.st_gid) != 0)
        throw Error(Errc::io, "the standby cannot run as the primary does");
      user_ = owner.st_uid;
      group_ = owner.st_gid;
    }
    run({"pg_basebackup", "--pgdata=" + data().native(), "--write-recovery-conf",
         "--checkpoint=fast", "--wal-method=stream", "--no-sync",
         "--host=" + primary.server().socket_directory().native(), "--username=postgres"});
    run({"pg_ctl", "--pgdata=" + data().native(), "--wait", "--silent",
         "--log=" + (directory_.path() / "log").native(),
         "--options=-k " + socket().native() +
             " -p 5432 -c listen_addresses= -c fsync=off -c full_page_writes=off -c "
             "wal_level=logical -c max_wal_senders=4"
             " -c max_prepared_transactions=8 -c max_connections=64"
             " -c max_locks_per_transaction=1024 -c shared_buffers=32MB -c hot_standby=on",
         "start"});
  }
  ~Standby() {
    try {
      run({"pg_ctl", "--pgdata=" + data().native(), "--mode=immediate", "--wait", "--silent",
           "stop"});
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  [[nodiscard]] std::string uri(const std::string& database) const {
    return "postgresql:///" + database + "?host=" + socket().native() + "&port=5432";
  }
  // Waits until what the primary has done is here too.
  [[nodiscard]] bool catches_up() const {
    const std::string goal = primary_.psql("postgres", "SELECT pg_current_wal_lsn()");
    return eventually([&] {
      return psql("postgres", "SELECT pg_last_wal_replay_lsn() >= '" +
                                  goal.substr(0, goal.size() - 1) + "'") == "t\n";
    });
  }
  [[nodiscard]] std::string psql(const std::string& database, const std::string& sql) const {
    return run({"psql", "-X", "-q", "-A", "-t", "-h", socket().native(), "-U", "postgres", "-d",
                database, "-c", sql});
  }

 private:
  [[nodiscard]] fs::path data() const { return directory_.path() / "data"; }
  [[nodiscard]] fs::path socket() const { return directory_.path() / "socket"; }
  std::string run(std::vector<std::string> argv) const {
    argv[0] = (primary_.server().binaries().directory / argv[0]).native();
    if (::geteuid() == 0) {
      argv.insert(argv.begin(), {"setpriv", fmt::format("--reuid={}", user_),
                                 fmt::format("--regid={}", group_), "--clear-groups", "--"});
    }
    Command command;
    command.argv = argv;
    command.environment = {{"LC_ALL", "C"}};
    command.directory = "/";
    const ProcessResult result = run_process(command);
    if (result.exit_code != 0) throw Error(Errc::failed_child, argv.back() + ": " + result.errors);
    return result.output;
  }

  PostgresServer& primary_;
  TemporaryDirectory directory_;
  ::uid_t user_ = 0;
  ::gid_t group_ = 0;
};

class PostgresqlStandby : public testing::Test {
 protected:
  PostgresqlStandby() { EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0); }
  ~PostgresqlStandby() override { server_.clean(); }

  std::string write_instance(const std::string& file, const std::string& uri) {
    const std::string path = (place_ / (file + ".toml")).string();
    write_text(path, fmt::format("name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"postgres\"\n",
                                 uri));
    return path;
  }

  PostgresServer& server_ = PostgresServer::shared();
  Place place_;
};

TEST_F(PostgresqlStandby, IsCopiedAndSaysWhatThatMeans) {
  server_.make_database("shop",
                        "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t SELECT"
                        " generate_series(1, 100); CREATE SEQUENCE s; SELECT nextval('s');"
                        "SELECT lo_from_bytea(77, 'x')");
  const Standby standby(server_);
  ASSERT_TRUE(standby.catches_up());
  const std::string source = write_instance("source", standby.uri("shop"));
  const Outcome looked = place_.holdfast({"preflight", "-I", source});
  EXPECT_EQ(looked.exit_code, 0) << looked.text();
  for (const char* code : {"postgresql-standby", "postgresql-recovery-conflicts"})
    EXPECT_TRUE(looked.says(code)) << looked.text();
  EXPECT_FALSE(looked.says("postgresql-standby-lag")) << looked.text();
  static_cast<void>(standby.psql("postgres", "SELECT pg_wal_replay_pause()"));
  EXPECT_TRUE(place_.holdfast({"preflight", "-I", source}).says("postgresql-standby-lag"));
  static_cast<void>(standby.psql("postgres", "SELECT pg_wal_replay_resume()"));
  const Outcome saved = place_.holdfast({"backup", "-I", source});
  ASSERT_EQ(saved.exit_code, 0) << saved.text();
  // Nothing is written to a standby.
  const Outcome misled =
      place_.holdfast({"restore", "latest", "-I", write_instance("misled", standby.uri("again"))});
  EXPECT_EQ(misled.exit_code, 20) << misled.text();
  EXPECT_TRUE(misled.says("postgresql-target-standby")) << misled.text();
  const Outcome manifest = place_.holdfast({"dump", "latest", "/shop/holdfast.json"});
  const Json facts = manifest.document().at("databases").as_array().at(0).at("engine_facts");
  EXPECT_TRUE(facts.bool_or("standby", false));
  EXPECT_FALSE(facts.string_or("position", "").empty());
  const Outcome restored = place_.holdfast(
      {"restore", "latest", "-I", write_instance("target", server_.server().uri("again"))});
  EXPECT_EQ(restored.exit_code, 0) << restored.text();
  EXPECT_EQ(server_.psql("again", "SELECT count(*), (SELECT last_value FROM s) FROM t"), "100|1\n");
}

TEST_F(PostgresqlStandby, LacksUnloggedRowsAndIsThenIncomplete) {
  server_.make_database("shop",
                        "CREATE TABLE t (a int); INSERT INTO t VALUES (1);"
                        "CREATE UNLOGGED TABLE u (a int, s serial, i int GENERATED ALWAYS AS"
                        " IDENTITY); INSERT INTO u VALUES (1)");
  const Standby standby(server_);
  ASSERT_TRUE(standby.catches_up());
  const std::string source = write_instance("source", standby.uri("shop"));
  const Outcome refused = place_.holdfast({"backup", "-I", source});
  EXPECT_EQ(refused.exit_code, 20) << refused.text();
  EXPECT_TRUE(refused.says("postgresql-unlogged-left-out")) << refused.text();
  const Outcome saved =
      place_.holdfast({"backup", "-I", source, "--accept", "postgresql-unlogged-left-out"});
  EXPECT_EQ(saved.exit_code, 3) << saved.text();
  const Outcome restored = place_.holdfast(
      {"restore", "latest", "-I", write_instance("target", server_.server().uri("again"))});
  EXPECT_EQ(restored.exit_code, 3) << restored.text();
  EXPECT_EQ(server_.psql("again", "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM u)"),
            "1|0\n");
}

// Replay that ends what is being read: the backup fails by name, and there is no snapshot.
TEST_F(PostgresqlStandby, AConflictWithReplayFailsTheBackup) {
  server_.make_database("shop",
                        "CREATE TABLE big AS SELECT i, repeat('x', 200) AS filler"
                        " FROM generate_series(1, 1500000) i");
  const Standby standby(server_);
  ASSERT_TRUE(standby.catches_up());
  static_cast<void>(standby.psql("postgres", "ALTER SYSTEM SET max_standby_streaming_delay = 0"));
  static_cast<void>(standby.psql("postgres", "SELECT pg_reload_conf()"));
  Started run = place_.start({"backup", "-I", write_instance("source", standby.uri("shop"))});
  ASSERT_TRUE(eventually([&] {
    return standby.psql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
                        " AND query LIKE 'COPY%big%'") != "0\n" ||
           run.has_ended();
  }));
  // Locks of our kind are let by on a standby only until replay wants what they keep out.
  server_.psql("shop", "TRUNCATE big");
  const Outcome outcome = run.wait();
  EXPECT_NE(outcome.exit_code, 0) << outcome.text();
  // Whose session it meets first: one that reads rows, the one that holds the moment, pg_dump's.
  EXPECT_TRUE(outcome.says("conflict with recovery") || outcome.says("connection was lost") ||
              outcome.says("is gone") || outcome.says("server closed the connection"))
      << outcome.text();
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
}

}  // namespace
}  // namespace holdfast::test

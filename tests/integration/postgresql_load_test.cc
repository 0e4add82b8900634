// SPDX-License-Identifier: Apache-2.0
// An instance of two databases of one PostgreSQL server and a directory of files is copied while an
// application moves money between them: every copy is one moment of all, and the application is
// refused nothing. What goes wrong on the server's side ends a backup by name and leaves nothing
// behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"
#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using engine::postgresql::Connection;
using engine::postgresql::location_of;

constexpr int accounts = 40;
constexpr int balance = 1000;

// Moves money within a database, across its tables, and from one database to the other (by
// two-phase commit, so that both get it or none). Before each commit it leaves a file.
class Application {
 public:
  Application(PostgresServer& server, std::filesystem::path files, unsigned seed)
      : bank_(location_of(server.endpoint("bank"))),
        vault_(location_of(server.endpoint("vault"))),
        files_(std::move(files)),
        seed_(seed),
        thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~Application() { stop(); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  [[nodiscard]] int commits() const { return commits_; }
  [[nodiscard]] int refusals() const { return refusals_; }

 private:
  unsigned next(unsigned below) {
    seed_ = seed_ * 1'103'515'245U + 12'345U;
    return (seed_ >> 16U) % below;
  }
  void run(const std::stop_token& stop) {
    for (int number = 0; !stop.stop_requested(); ++number) {
      const std::string id = fmt::format("{}-{}", seed_ % 997, number);
      write_text(files_ / id, id);
      const std::string state = number % 3 == 2 ? across(id) : within(id);
      ++(state.empty() ? commits_ : refusals_);
      if (!state.empty()) ADD_FAILURE() << "refused: " << state;
      std::this_thread::sleep_for(3ms);
    }
  }
  std::string within(const std::string& id) {
    return bank_.attempt(
        fmt::format("BEGIN; UPDATE public.current SET amount = amount - 7 WHERE id = {};"
                    " UPDATE public.savings SET amount = amount + 7 WHERE id = {};"
                    " INSERT INTO public.log VALUES ('{}'); COMMIT",
                    next(accounts), next(accounts), id));
  }
  std::string across(const std::string& id) {
    std::string state = bank_.attempt(
        fmt::format("BEGIN; UPDATE public.current SET amount = amount - 3 WHERE id = {};"
                    " INSERT INTO public.log VALUES ('{}')",
                    next(accounts), id));
    if (!state.empty()) return state;
    state = vault_.attempt(fmt::format(
        "BEGIN; UPDATE public.bars SET amount = amount + 3 WHERE id = {}", next(accounts)));
    if (!state.empty()) return state;
    // Both are done and hold their locks; what is left is to let them be seen.
    state = bank_.attempt("COMMIT");
    return state.empty() ? vault_.attempt("COMMIT") : state;
  }

  Connection bank_, vault_;
  std::filesystem::path files_;
  unsigned seed_;
  std::atomic<int> commits_ = 0, refusals_ = 0;
  std::jthread thread_;
};

class PostgresqlLoad : public testing::Test {
 protected:
  PostgresqlLoad() {
    std::filesystem::create_directories(uploads());
    const std::string rows =
        fmt::format("SELECT i, {} FROM generate_series(0, {}) i;", balance, accounts - 1);
    server_.make_database("bank",
                          "CREATE TABLE current (id int PRIMARY KEY, amount int);"
                          "CREATE TABLE savings (id int PRIMARY KEY, amount int);"
                          "CREATE TABLE log (id text);"
                          "INSERT INTO current " +
                              rows + "INSERT INTO savings " + rows);
    server_.make_database("vault",
                          "CREATE TABLE bars (id int PRIMARY KEY, amount int);"
                          "INSERT INTO bars " +
                              rows);
    const Outcome made = place_.holdfast({"init"});
    EXPECT_EQ(made.exit_code, 0) << made.text();
  }
  ~PostgresqlLoad() override { server_.clean(); }

  [[nodiscard]] std::filesystem::path uploads() const { return place_ / "uploads"; }
  std::string write_instance(const std::string& file, const std::string& suffix,
                             const std::filesystem::path& files, std::string_view more = {}) {
    std::string text = "name = \"bank\"\n" + std::string(more);
    for (const char* name : {"bank", "vault"}) {
      text += fmt::format(
          "\n[[database]]\nname = \"{}\"\nengine = \"postgresql\"\nuri = \"{}\"\n"
          "user = \"postgres\"\n",
          name, server_.endpoint(name + suffix).uri);
    }
    text += fmt::format("\n[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n", files.string());
    const std::filesystem::path path = place_ / file;
    write_text(path, text);
    return path.string();
  }
  // Sessions of Holdfast's and its programs', and locks of prepared transactions.
  [[nodiscard]] bool nothing_is_left() const {
    return server_.psql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                        " AND application_name IN ('holdfast', 'pg_dump')") == "0\n";
  }

  PostgresServer& server_ = PostgresServer::shared();
  Place place_;
};

TEST_F(PostgresqlLoad, EveryCopyIsOneMomentOfAllComponents) {
  const std::string instance =
      write_instance("bank.toml", "", uploads(), "[limits]\nfence_ms = 900\n");
  {
    Application one(server_, uploads(), 1);
    Application other(server_, uploads(), 2);
    const int backups = is_soak() ? 30 : 3;
    for (int i = 0; i < backups; ++i) {
      const int before = one.commits();
      ASSERT_TRUE(eventually([&] { return one.commits() > before + 20; }));
      const Outcome outcome = place_.holdfast({"backup", "-I", instance, "--json"});
      ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    }
    one.stop();
    other.stop();
    EXPECT_EQ(one.refusals() + other.refusals(), 0);
  }
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));

  const Outcome listed = place_.holdfast({"snapshots", "--json"});
  ASSERT_EQ(listed.exit_code, 0) << listed.text();
  int number = 0;
  for (const Json& snapshot : listed.array()) {
    const std::string id = snapshot.at("id").as_string();
    const std::string suffix = fmt::format("_{}", ++number);
    const std::filesystem::path files = place_ / ("uploads" + suffix);
    const Outcome restored =
        place_.holdfast({"restore", id, "-I", write_instance("again.toml", suffix, files)});
    ASSERT_EQ(restored.exit_code, 0) << restored.text();
    const auto sum = [&](const std::string& database, const std::string& sql) {
      return std::stoi(server_.psql(database + suffix, sql));
    };
    const int bank = sum("bank",
                         "SELECT (SELECT sum(amount) FROM current) + (SELECT sum(amount) FROM"
                         " savings)");
    const int vault = sum("vault", "SELECT sum(amount) FROM bars");
    EXPECT_EQ(bank + vault, 3 * accounts * balance) << "snapshot " << number;
    // Every transaction that is in the copy has its file there.
    const std::string logged = server_.psql("bank" + suffix, "SELECT id FROM log");
    std::size_t rows = 0;
    for (std::size_t at = 0; at < logged.size();) {
      const std::size_t end = logged.find('\n', at);
      EXPECT_TRUE(std::filesystem::exists(files / logged.substr(at, end - at)))
          << logged.substr(at, end - at);
      at = end + 1;
      ++rows;
    }
    EXPECT_GT(rows, 0U);
    const Outcome manifest = place_.holdfast({"dump", id, "/bank/holdfast.json"});
    EXPECT_TRUE(manifest.document().bool_or("fenced", false));
  }
  EXPECT_EQ(number, is_soak() ? 30 : 3);
}

TEST_F(PostgresqlLoad, AFenceThatCannotBeHadLeavesNothingAndIsSaid) {
  const std::string instance =
      write_instance("bank.toml", "", uploads(), "[limits]\nfence_ms = 200\n");
  Outcome outcome;
  {
    Connection writer(location_of(server_.endpoint("vault")));
    writer.run("BEGIN; UPDATE public.bars SET amount = amount");
    outcome = place_.holdfast({"backup", "-I", instance});
  }
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("could not be fenced")) << outcome.text();
  const Outcome manifest = place_.holdfast({"dump", "latest", "/bank/holdfast.json"});
  EXPECT_FALSE(manifest.document().bool_or("fenced", true));
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
}

TEST_F(PostgresqlLoad, TimeOutsOfTheRoleDoNotReachABackup) {
  server_.psql("bank",
               "CREATE TABLE many AS SELECT i, repeat('x', 100) AS filler"
               " FROM generate_series(1, 400000) i;"
               "ALTER ROLE postgres SET statement_timeout = '100ms';"
               "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '100ms';"
               "ALTER ROLE postgres SET lock_timeout = '1ms'");
  EXPECT_THROW(server_.psql("bank", "SELECT pg_sleep(1)"), Error) << "they are in force";
  const Outcome outcome =
      place_.holdfast({"backup", "-I", write_instance("bank.toml", "", uploads())});
  server_.psql("postgres", "SET statement_timeout = 0; ALTER ROLE postgres RESET ALL");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
}

TEST_F(PostgresqlLoad, ALockThatIsNotHadFailsTheBackupByName) {
  Outcome outcome;
  {
    Connection changer(location_of(server_.endpoint("bank")));
    changer.run("BEGIN; ALTER TABLE public.log ADD COLUMN more int");
    outcome = place_.holdfast({"backup", "-I", write_instance("bank.toml", "", uploads())});
  }
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.says("lock timeout: public.log is locked by session") &&
              outcome.says("see pg_locks"))
      << outcome.text();
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
}

TEST_F(PostgresqlLoad, AnEndedSessionFailsTheBackupAndThereIsNoSnapshot) {
  server_.psql("bank",
               "CREATE TABLE big AS SELECT i, repeat('x', 200) AS filler"
               " FROM generate_series(1, 2000000) i");
  const std::string instance = write_instance("bank.toml", "", uploads());
  Started run = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(eventually([&] {
    return server_.psql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
                        " AND query LIKE 'COPY%big%'") != "0\n" ||
           run.has_ended();
  }));
  server_.psql("postgres",
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE application_name = 'holdfast'");
  const Outcome outcome = run.wait();
  EXPECT_NE(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("connection was lost") || outcome.says("terminat") ||
              outcome.says("is gone"))
      << outcome.text();
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
}

TEST_F(PostgresqlLoad, AKilledHoldfastLeavesNoLock) {
  server_.psql("bank",
               "CREATE TABLE big AS SELECT i, repeat('x', 200) AS filler"
               " FROM generate_series(1, 2000000) i");
  const std::string instance = write_instance("bank.toml", "", uploads());
  Started run = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(eventually([&] {
    return server_.psql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
                        " AND query LIKE 'COPY%big%'") != "0\n";
  }));
  run.kill(SIGKILL);
  static_cast<void>(run.wait());
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
  server_.psql("bank", "SET lock_timeout = '5s'; TRUNCATE big");
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
}

TEST_F(PostgresqlLoad, AHoldfastKilledWithinItsFenceLetsWritersGoOn) {
  const std::string instance =
      write_instance("bank.toml", "", uploads(), "[limits]\nfence_ms = 3000\n");
  {
    // The second database is not to be had, so that the first stays fenced meanwhile.
    Connection writer(location_of(server_.endpoint("vault")));
    writer.run("BEGIN; UPDATE public.bars SET amount = amount");
    Connection watcher(location_of(server_.endpoint("bank")));
    Started run = place_.start({"backup", "-I", instance});
    // Of several tries, each of which lets go in the end.
    EXPECT_TRUE(eventually([&] {
      return (watcher.value("SELECT count(*) FROM pg_locks WHERE mode = 'ShareLock' AND granted AND"
                            " relation = 'public.current'::pg_catalog.regclass") != "0" &&
              watcher.attempt(
                  "SET lock_timeout = '1ms'; UPDATE public.current SET amount = amount") ==
                  "55P03") ||
             run.has_ended();
    }));
    EXPECT_FALSE(run.has_ended()) << "not killed within the fence";
    run.kill(SIGKILL);
    static_cast<void>(run.wait());
    EXPECT_EQ(
        watcher.attempt("SET lock_timeout = '10s'; UPDATE public.current SET amount = amount"), "");
    writer.rollback();
  }
  EXPECT_TRUE(eventually([&] { return nothing_is_left(); }));
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
}

// From the first connection to the last part: nothing stays, and the next backup is whole.
TEST_F(PostgresqlLoad, AHoldfastKilledAtAnyStageLeavesNothing) {
  server_.psql("bank",
               "SELECT format('CREATE TABLE t_%1$s AS SELECT generate_series(1, 20000) AS i', n)"
               " FROM generate_series(1, 60) n\n\\gexec\n");
  const std::string instance = write_instance("bank.toml", "", uploads());
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_EQ(place_.holdfast({"backup", "-I", instance}).exit_code, 0);
  const auto whole = std::chrono::steady_clock::now() - begun;
  constexpr int stages = 10;
  int killed = 0;
  for (int stage = 1; stage < stages; ++stage) {
    Started run = place_.start({"backup", "-I", instance});
    std::this_thread::sleep_for(whole * stage / stages);
    run.kill(SIGKILL);
    const int exit_code = run.wait().exit_code;
    EXPECT_TRUE(exit_code == 0 || exit_code == 128 + SIGKILL) << exit_code << " at " << stage;
    killed += exit_code == 0 ? 0 : 1;
    EXPECT_TRUE(eventually([&] { return nothing_is_left(); })) << "stage " << stage;
    server_.psql("bank", "SET lock_timeout = '5s'; TRUNCATE t_1; INSERT INTO t_1 VALUES (1)");
  }
  EXPECT_GE(killed, 1);
  // One that was killed may have been done with its snapshot; one that came to its end was.
  EXPECT_GE(place_.holdfast({"snapshots", "--json"}).array().size(),
            static_cast<std::size_t>(stages - killed));
  const Outcome after = place_.holdfast({"backup", "-I", instance});
  EXPECT_EQ(after.exit_code, 0) << after.text();
  EXPECT_EQ(place_.holdfast({"unlock"}).exit_code, 0);
  const Outcome checked = place_.holdfast({"check", "--read-data"});
  EXPECT_EQ(checked.exit_code, 0) << checked.text();
}

TEST_F(PostgresqlLoad, AServerThatDiesFailsTheBackupByName) {
  server_.psql("bank",
               "CREATE TABLE big AS SELECT i, repeat('x', 200) AS filler"
               " FROM generate_series(1, 2000000) i");
  const std::string instance = write_instance("bank.toml", "", uploads());
  Started run = place_.start({"backup", "-I", instance});
  ASSERT_TRUE(eventually([&] {
    return server_.psql("postgres",
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast'"
                        " AND query LIKE 'COPY%big%'") != "0\n";
  }));
  server_.server().kill();
  const Outcome outcome = run.wait();
  server_.server().start();
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.says("bank") || outcome.says("vault")) << outcome.text();
  EXPECT_TRUE(place_.holdfast({"snapshots", "--json"}).array().empty());
}

}  // namespace
}  // namespace holdfast::test

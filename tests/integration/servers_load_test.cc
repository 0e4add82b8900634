// SPDX-License-Identifier: Apache-2.0
// An instance of a PostgreSQL server, a MariaDB server and a directory of files is copied while an
// application moves money within each and from one server to the other. Fenced, every copy is one
// moment of all; unfenced, each database is whole by itself and the distance that is told is true.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/timestamp.h"
#include "engine/mariadb/client.h"
#include "engine/postgresql/connection.h"
#include "engine/postgresql/location.h"
#include "harness/mariadb_server.h"
#include "harness/postgres_server.h"
#include "harness/program.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using engine::postgresql::location_of;
using PostgresqlSession = engine::postgresql::Connection;
using MariadbSession = engine::mariadb::Connection;

constexpr int accounts = 40;
constexpr int balance = 1000;

// What a client knows of a transaction on one of the servers.
struct Commit {
  std::string id;
  Timestamp before, after;  // was it seen
};

// One client. A transfer between the servers is written on both sides before either side commits,
// and each side commits first as often as the other. Before the first commit it leaves a file.
class Client {
 public:
  Client(const PostgresServer& bank, const MariadbServer& vault, fs::path files, unsigned number)
      : bank_(location_of(bank.endpoint("bank"))),
        vault_(vault.connect()),
        files_(std::move(files)),
        number_(number) {
    vault_.use("vault");
    bank_.run("SET search_path = public");
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Client() { stop(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  [[nodiscard]] int turns() const { return turns_; }
  // How long it has no transaction open, after most of them.
  void pause(std::chrono::milliseconds time) { pause_ = time; }
  // Once it has stopped.
  [[nodiscard]] const std::vector<Commit>& commits(const std::string& database) const {
    return database == "bank" ? bank_commits_ : vault_commits_;
  }

 private:
  void run(const std::stop_token& stop) {
    for (int turn = 0; !stop.stop_requested(); turn = ++turns_) {
      const int from = (turn * 7 + static_cast<int>(number_)) % accounts;
      const int to = (turn * 11 + 3 * static_cast<int>(number_)) % accounts;
      const std::string id = fmt::format("{}-{}", number_, turn);
      write_text(files_ / id, id);
      if (turn % 4 != 1) in_bank(fmt::format("BEGIN; INSERT INTO log VALUES ('{}')", id));
      if (turn % 4 == 0) {
        in_bank(
            fmt::format("UPDATE current SET amount = amount - 7 WHERE id = {};"
                        "UPDATE savings SET amount = amount + 7 WHERE id = {}",
                        from, to));
        commit_bank(id);
        continue;
      }
      if (turn % 4 != 1)
        in_bank(fmt::format("UPDATE current SET amount = amount - 3 WHERE id = {}", from));
      in_vault("START TRANSACTION");
      in_vault(fmt::format("INSERT INTO log VALUES ('{}')", id));
      in_vault(fmt::format("UPDATE bars SET amount = amount + {} WHERE id = {}",
                           turn % 4 == 1 ? -5 : 3, to));
      if (turn % 4 == 1)
        in_vault(fmt::format("UPDATE coins SET amount = amount + 5 WHERE id = {}", from));
      if (turn % 4 == 2) commit_bank(id);
      commit_vault(id);
      if (turn % 4 == 3) commit_bank(id);
      std::this_thread::sleep_for(pause_.load());
    }
  }
  void in_bank(const std::string& sql) {
    std::string message;
    if (!bank_.attempt(sql, &message).empty())
      ADD_FAILURE() << "the bank refused " << sql << ": " << message;
  }
  void in_vault(const std::string& sql) {
    if (const auto failure = vault_.try_run(sql))
      ADD_FAILURE() << "the vault refused " << sql << ": " << failure->display();
  }
  void commit_bank(const std::string& id) {
    const Timestamp before = system_clock().now();
    in_bank("COMMIT");
    bank_commits_.push_back({id, before, system_clock().now()});
  }
  void commit_vault(const std::string& id) {
    const Timestamp before = system_clock().now();
    in_vault("COMMIT");
    vault_commits_.push_back({id, before, system_clock().now()});
  }

  PostgresqlSession bank_;
  MariadbSession vault_;
  fs::path files_;
  unsigned number_;
  std::vector<Commit> bank_commits_, vault_commits_;
  std::atomic<int> turns_ = 0;
  std::atomic<std::chrono::milliseconds> pause_ = 3ms;
  std::jthread thread_;
};

// Transfers between the servers are the third and the fourth of every four.
bool is_across(const std::string& id) {
  return std::stoi(id.substr(id.find('-') + 1)) % 4 >= 2;
}

constexpr const char* bank_sum =
    "SELECT (SELECT sum(amount) FROM current) + (SELECT sum(amount) FROM savings)";
constexpr const char* vault_sum =
    "SELECT (SELECT SUM(amount) FROM bars) + (SELECT SUM(amount) FROM coins)";

class ServersLoad : public testing::Test {
 protected:
  ServersLoad() {
    fs::create_directories(uploads());
    const std::string rows =
        fmt::format("SELECT i, {} FROM generate_series(0, {}) i;", balance, accounts - 1);
    bank_.make_database("bank",
                        "CREATE TABLE current (id int PRIMARY KEY, amount int);"
                        "CREATE TABLE savings (id int PRIMARY KEY, amount int);"
                        "CREATE TABLE log (id text PRIMARY KEY);"
                        "INSERT INTO current " +
                            rows + "INSERT INTO savings " + rows);
    vault_.run("CREATE DATABASE vault");
    for (const char* table : {"bars", "coins"}) {
      vault_.run(fmt::format("CREATE TABLE vault.{} (id INT PRIMARY KEY, amount INT)", table));
      vault_.run(fmt::format("INSERT INTO vault.{} SELECT seq, {} FROM mysql.seq_0_to_{}", table,
                             balance, accounts - 1));
    }
    vault_.run("CREATE TABLE vault.log (id VARCHAR(30) PRIMARY KEY)");
    EXPECT_EQ(place_.holdfast({"init"}).exit_code, 0);
  }
  ~ServersLoad() override { bank_.clean(); }

  [[nodiscard]] fs::path uploads() const { return place_ / "uploads"; }
  [[nodiscard]] std::string write_instance(const std::string& file, const std::string& suffix,
                                           const std::string& more = {}) const {
    std::string text = "name = \"bank\"\n" + more;
    text += fmt::format("[[database]]\nname = \"bank\"\nuri = \"{}\"\nuser = \"postgres\"\n",
                        bank_.endpoint("bank" + suffix).uri);
    text += vault_.instance_table("vault", "vault" + suffix);
    text += fmt::format("[[files]]\nname = \"uploads\"\npaths = [\"{}\"]\n",
                        (place_ / ("uploads" + suffix)).string());
    const fs::path path = place_ / file;
    write_text(path, text);
    return path.string();
  }
  [[nodiscard]] int in_bank(const std::string& suffix, const std::string& sql) const {
    return std::stoi(bank_.psql("bank" + suffix, sql));
  }
  [[nodiscard]] int in_vault(const std::string& suffix, const std::string& sql) const {
    MariadbSession session = vault_.connect();
    session.use("vault" + suffix);
    return std::stoi(session.value(sql));
  }
  // The transactions that a copy knows of.
  [[nodiscard]] std::set<std::string> logged(const std::string& database,
                                             const std::string& suffix) const {
    std::set<std::string> ids;
    if (database == "vault") {
      for (const std::string& id : vault_.rows("SELECT id FROM vault" + suffix + ".log"))
        ids.insert(id);
      return ids;
    }
    std::istringstream lines(bank_.psql("bank" + suffix, "SELECT id FROM log"));
    for (std::string id; std::getline(lines, id);) ids.insert(id);
    return ids;
  }
  // A transfer between the servers may be cut through, one within a server never.
  void expect_whole_by_themselves(const std::string& suffix) const {
    const auto across = [](const std::set<std::string>& ids) {
      return static_cast<int>(std::count_if(ids.begin(), ids.end(), is_across));
    };
    EXPECT_EQ(in_bank(suffix, bank_sum),
              2 * accounts * balance - 3 * across(logged("bank", suffix)));
    EXPECT_EQ(in_vault(suffix, vault_sum),
              2 * accounts * balance + 3 * across(logged("vault", suffix)));
  }
  // A copy of each snapshot, under names with "_1", "_2" …
  std::vector<Json> restore_all() {
    std::vector<Json> manifests;
    for (const Json& snapshot : place_.holdfast({"snapshots", "--json"}).array()) {
      const std::string id = snapshot.at("id").as_string();
      const std::string suffix = fmt::format("_{}", manifests.size() + 1);
      const Outcome restored =
          place_.holdfast({"restore", id, "-I", write_instance("again.toml", suffix)});
      EXPECT_EQ(restored.exit_code, 0) << restored.text();
      manifests.push_back(place_.holdfast({"dump", id, "/bank/holdfast.json"}).document());
    }
    return manifests;
  }

  PostgresServer& bank_ = PostgresServer::shared();
  MariadbServer vault_;
  Place place_;
};

// Whether all moments are one, also for what is committed on one server and then on the other.
bool is_whole(const Json& manifest) {
  const auto& databases = manifest.at("databases").as_array();
  return manifest.at("fenced").as_bool() &&
         std::any_of(databases.begin(), databases.end(), [](const Json& database) {
           return database.at("engine_facts").string_or("fence", "") == "tables";
         });
}

bool has_finding(const Json& manifest, std::string_view code) {
  const auto& findings = manifest.at("findings").as_array();
  return std::any_of(findings.begin(), findings.end(),
                     [&](const Json& one) { return one.at("code").as_string() == code; });
}

// A machine that is too busy for a whole fence gets a lesser one, which is told; but in the end the
// application leaves it time enough.
TEST_F(ServersLoad, EveryCopyIsOneMomentOfBothServersAndTheFiles) {
  const std::string instance = write_instance("bank.toml", "", "[limits]\nfence_ms = 900\n");
  const std::size_t wanted = is_soak() ? 30 : 3;
  std::size_t whole = 0;
  {
    Client one(bank_, vault_, uploads(), 1);
    Client other(bank_, vault_, uploads(), 2);
    for (std::size_t backups = 0; whole < wanted && backups < 3 * wanted; ++backups) {
      if (backups == 2 * wanted) {
        one.pause(100ms);
        other.pause(100ms);
      }
      const int before = one.turns();
      ASSERT_TRUE(eventually([&] { return one.turns() > before + 20; }));
      const Outcome outcome = place_.holdfast({"backup", "-I", instance});
      ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
      const Json manifest = place_.holdfast({"dump", "latest", "/bank/holdfast.json"}).document();
      if (is_whole(manifest)) ++whole;
      EXPECT_EQ(outcome.says("fence-of-commits"), has_finding(manifest, "fence-of-commits"));
      EXPECT_EQ(has_finding(manifest, "fence-of-commits"),
                manifest.at("fenced").as_bool() && !is_whole(manifest));
    }
  }
  EXPECT_GE(whole, 1U) << "no fence was whole";
  const std::vector<Json> manifests = restore_all();
  for (std::size_t i = 1; i <= manifests.size(); ++i) {
    SCOPED_TRACE(fmt::format("snapshot {}", i));
    const std::string suffix = fmt::format("_{}", i);
    const std::set<std::string> in_bank_log = logged("bank", suffix);
    const std::set<std::string> in_vault_log = logged("vault", suffix);
    EXPECT_FALSE(in_bank_log.empty());
    for (const std::set<std::string>& ids : {in_bank_log, in_vault_log}) {
      for (const std::string& id : ids)
        EXPECT_TRUE(fs::exists(place_ / ("uploads" + suffix) / id)) << id;
    }
    expect_whole_by_themselves(suffix);
    if (!is_whole(manifests[i - 1])) continue;
    EXPECT_EQ(in_bank(suffix, bank_sum) + in_vault(suffix, vault_sum), 4 * accounts * balance);
    for (const std::string& id : in_bank_log)
      EXPECT_TRUE(!is_across(id) || in_vault_log.contains(id)) << id;
    for (const std::string& id : in_vault_log)
      EXPECT_TRUE(!is_across(id) || in_bank_log.contains(id)) << id;
  }
}

// The fence cannot be had while a transaction stays open.
TEST_F(ServersLoad, WithoutAFenceEachIsWholeAndTheDistanceIsTrue) {
  const std::string instance =
      write_instance("bank.toml", "", "[limits]\nfence_ms = 100\nmoments_apart_ms = 0\n");
  bank_.psql("bank", "CREATE TABLE idle (id int)");
  std::vector<Commit> in_bank_order, in_vault_order;
  bool told = false;
  {
    PostgresqlSession idle(location_of(bank_.endpoint("bank")));
    idle.run("BEGIN; INSERT INTO public.idle VALUES (1)");
    Client one(bank_, vault_, uploads(), 1);
    ASSERT_TRUE(eventually([&] { return one.turns() > 20; }));
    const Outcome outcome = place_.holdfast({"backup", "-I", instance});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_TRUE(outcome.says("could not be fenced")) << outcome.text();
    told = outcome.says("moments-apart");
    const int before = one.turns();
    ASSERT_TRUE(eventually([&] { return one.turns() > before + 20; }));
    one.stop();
    in_bank_order = one.commits("bank");
    in_vault_order = one.commits("vault");
  }
  const std::vector<Json> manifests = restore_all();
  ASSERT_EQ(manifests.size(), 1U);
  EXPECT_FALSE(manifests[0].at("fenced").as_bool());
  expect_whole_by_themselves("_1");

  // The state of a copy existed between the two instants that are told, whose extremes are the
  // distance.
  std::vector<Timestamp> instants;
  for (const Json& database : manifests[0].at("databases").as_array()) {
    const std::string name = database.at("name").as_string();
    const Timestamp earliest = parse_rfc3339(database.at("moment").at("earliest").as_string());
    const Timestamp latest = parse_rfc3339(database.at("moment").at("latest").as_string());
    const std::set<std::string> ids = logged(name, "_1");
    for (const Commit& commit : name == "bank" ? in_bank_order : in_vault_order) {
      if (ids.contains(commit.id))
        EXPECT_LE(commit.before, latest) << name << " knows of " << commit.id << " too early";
      else
        EXPECT_GE(commit.after, earliest) << name << " has lost " << commit.id;
    }
    EXPECT_LT(ids.size(), (name == "bank" ? in_bank_order : in_vault_order).size());
    instants.push_back(earliest);
    instants.push_back(latest);
  }
  const auto [first, last] = std::minmax_element(instants.begin(), instants.end());
  const auto nanoseconds = [](const Timestamp& at) {
    return at.seconds * 1'000'000'000 + at.nanoseconds;
  };
  const auto apart = static_cast<double>(nanoseconds(*last) - nanoseconds(*first)) / 1e6;
  EXPECT_NEAR(static_cast<double>(manifests[0].at("moments_apart_ms").as_int()), apart, 1.0);
  const bool is_apart = manifests[0].at("moments_apart_ms").as_int() > 0;
  EXPECT_EQ(told, is_apart);
  EXPECT_EQ(has_finding(manifests[0], "moments-apart"), is_apart);
}

}  // namespace
}  // namespace holdfast::test

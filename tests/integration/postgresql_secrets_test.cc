// SPDX-License-Identifier: Apache-2.0
// The password of a PostgreSQL server is in no process's arguments or environment, in no file and
// in no log while an instance is backed up, restored, imported, migrated, rehearsed and put back.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "harness/postgres_server.h"
#include "harness/program.h"
#include "harness/secret_watcher.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

TEST(SecretWatcher, SeesArgumentsEnvironmentsAndFiles) {
  Place place;
  SecretWatcher watcher("decoy-", place.root());
  const auto sees = [&](const std::string& what) {
    return eventually([&] {
      const std::set<std::string> found = watcher.found();
      return std::any_of(found.begin(), found.end(),
                         [&](const std::string& one) { return one.starts_with(what); });
    });
  };
  const Started argument = place.start_program({"sh", "-c", "sleep 60; : decoy-argument"});
  EXPECT_TRUE(sees("cmdline of sh"));
  const Started variable =
      place.start_program({"sleep", "60"}, {.environment = {{"WORD", "decoy-variable"}}});
  EXPECT_TRUE(sees("environ of sleep"));
  write_text(place.scratch() / "passwords", "decoy-line");
  EXPECT_TRUE(sees("file passwords"));
}

TEST(PostgresqlSecrets, NobodySeesThePassword) {
  const std::string secret = "Zt7-server-secret-q9";
  PostgresServer server({{"log_statement", "all"}, {"log_min_duration_statement", "0"}});
  server.make_database("shop",
                       "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 20000);"
                       "CREATE ROLE locked SUPERUSER LOGIN");
  server.psql("shop",
              "SET log_statement = 'none'; SET log_min_duration_statement = -1;"
              "ALTER ROLE locked PASSWORD '" +
                  secret + "'");
  std::string hba = server.psql("shop", "SHOW hba_file");
  hba.pop_back();
  write_text(hba, "local all locked scram-sha-256\n" + read_text(hba));
  server.psql("shop", "SELECT pg_reload_conf()");
  Place place;
  fs::permissions(place.root(), fs::perms(0711));
  ASSERT_EQ(place.holdfast({"init"}).exit_code, 0);
  const TemporaryDirectory keys("holdfast-keys");
  const fs::path file = keys.path() / "server-password";
  write_text(file, secret + "\n");
  fs::permissions(file, fs::perms(0600));
  const auto instance_of = [&](const std::string& database) {
    const fs::path path = place / (database + ".toml");
    write_text(path, fmt::format("name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"locked\"\npassword_file = \"{}\"\n",
                                 server.endpoint(database).uri, file.string()));
    return path.string();
  };
  const std::string instance = instance_of("shop"), again = instance_of("again");
  const std::string dump = (place / "shop.dump").string();
  static_cast<void>(server.program({"pg_dump", "-Fc", "-f", dump, "shop"}));
  {
    SecretWatcher watcher(secret, place.root());
    for (const std::vector<std::string>& words : {
             std::vector<std::string>{"preflight", "-I", instance},
             {"backup", "-I", instance},
             {"drill", "latest", "-I", instance},
             {"restore", "latest", "-I", again},
             {"restore", "latest", "-I", again, "--replace"},
             {"migrate", "-I", instance, "--to", instance_of("moved")},
             {"inspect", "--deep", dump},
             {"import", dump, "-I", instance_of("imported")},
             {"migrate", "--from", dump, "--to", instance_of("loaded")},
         }) {
      const Outcome outcome = place.holdfast(words);
      EXPECT_EQ(outcome.exit_code, 0) << words[0] << ": " << outcome.text();
      EXPECT_FALSE(outcome.says(secret));
    }
    Started killed = place.start({"restore", "latest", "-I", again, "--replace"});
    EXPECT_TRUE(eventually(
        [&] { return killed.has_ended() || !fs::is_empty(place.state() / "journals"); }));
    killed.kill(SIGKILL);
    static_cast<void>(killed.wait());
    EXPECT_TRUE(eventually([&] { return place.holdfast({"resume"}).exit_code == 0; }));
    EXPECT_TRUE(watcher.found().empty()) << *watcher.found().begin();
  }
  const std::string log = read_text(server.server().log_file());
  EXPECT_NE(log.find("COPY"), std::string::npos) << "the server logs nothing";
  EXPECT_EQ(log.find(secret), std::string::npos);
  // A wrong one is denied, by name, and not printed either.
  write_text(file, "Zt7-wrong-secret-q9\n");
  const Outcome denied = place.holdfast({"backup", "-I", instance});
  EXPECT_NE(denied.exit_code, 0);
  EXPECT_TRUE(denied.says("authentication failed")) << denied.text();
  for (const auto& entry : fs::recursive_directory_iterator(place.root())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_text(entry.path()).find("-secret-q9"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// The password of a MariaDB server is in no process's arguments or environment, in no file and in
// no log while an instance is backed up, restored, imported, migrated, rehearsed and put back.
#include <fmt/format.h>
#include <gtest/gtest.h>

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

TEST(MariadbSecrets, NobodySeesThePassword) {
  const std::string secret = "Zt7-server-secret-q9";
  const MariadbServer server;
  server.run("CREATE DATABASE shop");
  server.run("CREATE TABLE shop.t (a INT PRIMARY KEY)");
  server.run("INSERT INTO shop.t VALUES (1)");
  server.run("CREATE USER locked@localhost IDENTIFIED BY '" + secret + "'");
  server.run("GRANT ALL ON *.* TO locked@localhost WITH GRANT OPTION");
  Place place;
  const fs::path log = place / "general.log";
  write_text(log, "");
  fs::permissions(log, fs::perms::all);
  fs::permissions(place.root(), fs::perms(0711));
  server.run("SET GLOBAL general_log_file='" + log.string() + "', GLOBAL general_log=1");
  ASSERT_EQ(place.holdfast({"init"}).exit_code, 0);
  const TemporaryDirectory keys("holdfast-keys");
  const fs::path file = keys.path() / "server-password";
  write_text(file, secret + "\n");
  fs::permissions(file, fs::perms(0600));
  const auto instance_of = [&](const std::string& schema) {
    const fs::path path = place / (schema + ".toml");
    write_text(path, fmt::format("name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"locked\"\npassword_file = \"{}\"\n"
                                 "grants = \"restore\"\n",
                                 server.uri(schema), file.string()));
    return path.string();
  };
  const std::string instance = instance_of("shop"), again = instance_of("again");
  const std::string dump = (place / "shop.sql").string();
  const std::string directory = (place / "dumped").string();
  ASSERT_EQ(place.run(server.client("mariadb-dump", {"--result-file=" + dump, "shop"})).exit_code,
            0);
  ASSERT_EQ(place
                .run({"mydumper", "--socket", server.socket(), "--user", "root", "--database",
                      "shop", "--outputdir", directory})
                .exit_code,
            0);
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
             {"inspect", "--deep", directory},
             {"import", dump, "-I", instance_of("imported")},
             {"migrate", "--from", directory, "--to", instance_of("loaded")},
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
  EXPECT_NE(read_text(log).find("again"), std::string::npos) << "the server logs nothing";
  // A wrong one is denied, by name, and not printed either.
  write_text(file, "Zt7-wrong-secret-q9\n");
  const Outcome denied = place.holdfast({"backup", "-I", instance});
  EXPECT_NE(denied.exit_code, 0);
  EXPECT_TRUE(denied.says("Access denied")) << denied.text();
  for (const auto& entry : fs::recursive_directory_iterator(place.root())) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(read_text(entry.path()).find("-secret-q9"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace holdfast::test

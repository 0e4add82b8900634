// SPDX-License-Identifier: Apache-2.0
// The password of a MariaDB server is in no process's arguments or environment, in no file and in
// no log while an instance is backed up, restored, imported and rehearsed.
#include <fmt/format.h>
#include <gtest/gtest.h>

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
  const fs::path file = place / "server-password";
  write_text(file, secret + "\n");
  fs::permissions(file, fs::perms(0600));
  const auto instance = [&](const std::string& schema, const std::string& more) {
    const fs::path path = place / (schema + ".toml");
    write_text(path, fmt::format("name = \"shop\"\n[[database]]\nname = \"db\"\nuri = \"{}\"\n"
                                 "user = \"locked\"\npassword_file = \"{}\"\n{}",
                                 server.uri(schema), file.string(), more));
    return path.string();
  };
  {
    SecretWatcher watcher(secret, place.scratch());
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"preflight", "-I", instance("shop", "")},
          std::vector<std::string>{"backup", "-I", instance("shop", "")},
          std::vector<std::string>{"drill", "latest", "-I", instance("shop", "")},
          std::vector<std::string>{"restore", "latest", "-I",
                                   instance("again", "grants = \"restore\"\n")}}) {
      const Outcome outcome = place.holdfast(words);
      EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
      EXPECT_FALSE(outcome.says(secret));
    }
    EXPECT_TRUE(watcher.found().empty()) << *watcher.found().begin();
  }
  EXPECT_NE(read_text(log).find("again"), std::string::npos) << "the server logs nothing";
  // A wrong one is denied, by name, and not printed either.
  write_text(file, "Zt7-wrong-secret-q9\n");
  const Outcome denied = place.holdfast({"backup", "-I", instance("shop", "")});
  EXPECT_NE(denied.exit_code, 0);
  EXPECT_TRUE(denied.says("Access denied")) << denied.text();
  for (const auto& entry : fs::recursive_directory_iterator(place.root())) {
    if (!entry.is_regular_file() || entry.path() == file) continue;
    EXPECT_EQ(read_text(entry.path()).find("-secret-q9"), std::string::npos) << entry.path();
  }
}

}  // namespace
}  // namespace holdfast::test

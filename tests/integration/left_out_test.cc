// SPDX-License-Identifier: Apache-2.0
// What an instance had at its last backup and has no more is never left out in silence: each loss
// is a finding with its own code, and a blocker until somebody accepts it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

class LeftOut : public testing::Test {
 protected:
  LeftOut() {
    shop_.write_instance();
    const Outcome first = shop_.back_up();
    EXPECT_EQ(first.exit_code, 0) << first.text();
  }

  void write_instance(const std::string& text) { write_text(shop_.instance_path(), text); }
  [[nodiscard]] std::string text() const { return shop_.instance_text(shop_.home()); }

  // Preflight and backup stop with the finding and write nothing; with it accepted they go on.
  void expect_blocker(const std::string& code, const std::string& component) {
    const Outcome preflight = place_.holdfast({"preflight", "-I", shop_.instance_path(), "--json"});
    EXPECT_EQ(preflight.exit_code, 20) << preflight.text();
    EXPECT_TRUE(has_finding(preflight, code)) << preflight.text();
    const Outcome refused = shop_.back_up();
    EXPECT_EQ(refused.exit_code, 20) << refused.text();
    EXPECT_TRUE(refused.says(code)) << refused.text();
    EXPECT_EQ(shop_.snapshots().size(), 1U);
    const Outcome accepted = shop_.back_up({"--accept", code + ":" + component});
    EXPECT_TRUE(accepted.exit_code == 0 || accepted.exit_code == 3) << accepted.text();
    ASSERT_EQ(shop_.snapshots().size(), 2U);
    const Json manifest = place_.holdfast({"dump", "latest", "/shop/holdfast.json"}).document();
    bool told = false;
    for (const Json& finding : manifest.at("findings").as_array()) {
      told = told || (finding.at("code").as_string() == code && finding.bool_or("accepted", false));
    }
    EXPECT_TRUE(told) << "what was accepted stands in the manifest: "
                      << manifest.at("findings").dump();
  }

  Place place_;
  Shop shop_{place_};
};

TEST_F(LeftOut, RemovedDatabaseFile) {
  fs::remove(shop_.stock());
  expect_blocker("database-missing", "stock");
}

TEST_F(LeftOut, RemovedDatabaseFileOfTheFirstBackup) {
  Place other;
  Shop shop(other);
  shop.write_instance();
  fs::remove(shop.stock());
  const Outcome outcome = shop.back_up();
  EXPECT_EQ(outcome.exit_code, 20) << outcome.text();
  EXPECT_TRUE(outcome.says("database-missing")) << outcome.text();
  EXPECT_TRUE(shop.snapshots().empty());
}

TEST_F(LeftOut, DatabaseTakenOutOfTheInstanceFile) {
  write_instance(replaced(
      text(), "[[database]]\nname = \"stock\"\nuri = \"sqlite:" + shop_.stock().string() + "\"\n",
      ""));
  expect_blocker("component-vanished", "stock");
}

TEST_F(LeftOut, RenamedDatabase) {
  write_instance(replaced(text(), "name = \"stock\"", "name = \"store\""));
  const Outcome preflight = place_.holdfast({"preflight", "-I", shop_.instance_path(), "--json"});
  EXPECT_TRUE(has_finding(preflight, "component-new")) << preflight.text();
  expect_blocker("component-vanished", "stock");
}

TEST_F(LeftOut, RenamedDatabaseFile) {
  fs::rename(shop_.stock(), shop_.home() / "store.db");
  write_instance(replaced(text(), "stock.db", "store.db"));
  const Outcome outcome = shop_.back_up({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(has_finding(outcome, "component-moved")) << outcome.text();
}

TEST_F(LeftOut, AddedDatabase) {
  run_sql(shop_.home() / "more.db", "create table t (a)");
  write_instance(text() + "[[database]]\nname = \"more\"\nuri = \"sqlite:" +
                 (shop_.home() / "more.db").string() + "\"\n");
  const Outcome outcome = shop_.back_up({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(has_finding(outcome, "component-new")) << outcome.text();
}

// A database that nobody named lies among the files: copied as a file it would be torn.
TEST_F(LeftOut, UnnamedDatabaseAmongTheFiles) {
  run_sql(shop_.uploads() / "cache.db", "create table t (a); insert into t values (1)");
  expect_blocker("database-in-files", "uploads");
}

TEST_F(LeftOut, EmptiedDatabase) {
  run_sql(shop_.stock(), "drop table items; vacuum");
  expect_blocker("database-emptied", "stock");
}

TEST_F(LeftOut, TruncatedToNothing) {
  fs::remove(shop_.stock());
  write_text(shop_.stock(), "");
  expect_blocker("database-emptied", "stock");
}

TEST_F(LeftOut, EmptiedTable) {
  run_sql(shop_.orders(), "delete from customers");
  const Outcome outcome = shop_.back_up({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(has_finding(outcome, "table-emptied")) << outcome.text();
}

TEST_F(LeftOut, VanishedTable) {
  run_sql(shop_.orders(), "drop table customers");
  const Outcome outcome = shop_.back_up({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(has_finding(outcome, "table-vanished")) << outcome.text();
}

TEST_F(LeftOut, MissingPath) {
  fs::remove_all(shop_.uploads());
  expect_blocker("path-missing", "uploads");
}

TEST_F(LeftOut, PathTakenOutOfTheInstanceFile) {
  write_instance(replaced(text(), shop_.uploads().string(), (shop_.uploads() / "2026").string()));
  expect_blocker("path-vanished", "uploads");
}

TEST_F(LeftOut, SetOfFilesTakenOutOfTheInstanceFile) {
  write_instance(replaced(
      text(), "[[files]]\nname = \"uploads\"\npaths = [\"" + shop_.uploads().string() + "\"]\n",
      ""));
  expect_blocker("component-vanished", "uploads");
}

TEST_F(LeftOut, DamagedDatabase) {
  fs::resize_file(shop_.stock(), 4096);
  const Outcome outcome = shop_.back_up();
  EXPECT_EQ(outcome.exit_code, 20) << outcome.text();
  EXPECT_TRUE(outcome.says("stock")) << outcome.text();
  EXPECT_EQ(shop_.snapshots().size(), 1U);
}

// As a user who may not read one of the files: root may read everything.
TEST_F(LeftOut, UnreadableFile) {
  // A user of no name must find the way to the program too.
  const fs::path program = place_ / "holdfast";
  fs::copy_file(place_.program(), program);
  fs::permissions(shop_.uploads() / "2026" / "secret.txt", fs::perms::none);
  std::vector<std::string> wrapper;
  if (::geteuid() == 0) {
    constexpr unsigned nobody = 65534;
    wrapper = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"};
    for (const auto& entry : fs::recursive_directory_iterator(place_.root())) {
      ASSERT_EQ(::lchown(entry.path().c_str(), nobody, nobody), 0);
    }
    ASSERT_EQ(::chown(place_.root().c_str(), nobody, nobody), 0);
    fs::permissions(shop_.uploads() / "2026" / "secret.txt", fs::perms::none);
  }
  const Outcome outcome =
      place_.run({program.string(), "backup", "-I", shop_.instance_path()}, {.wrapper = wrapper});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.text();
  EXPECT_TRUE(outcome.says("secret.txt")) << outcome.text();
  EXPECT_TRUE(outcome.says("files-unreadable")) << outcome.text();
  const Json manifest = place_.holdfast({"dump", "latest", "/shop/holdfast.json"}).document();
  EXPECT_FALSE(manifest.at("complete").as_bool());
  const Json& unreadable = manifest.at("files").as_array()[0].at("unreadable");
  ASSERT_EQ(unreadable.as_array().size(), 1U);
  EXPECT_NE(unreadable.as_array()[0].as_string().find("secret.txt"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::test

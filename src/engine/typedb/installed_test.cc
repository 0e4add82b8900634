// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/installed.h"

#include <gtest/gtest.h>

#include <string>

#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbInstalled : public testing::Test {
 protected:
  TypedbInstalled() {
    put_file(home() / "server" / "typedb_server_bin", "");
    put_file(home() / "server" / "config.yml", "storage:\n    data-directory: \"data\"\n");
    fs::create_directories(data());
    fs::create_directories(proc());
  }
  void start(int pid, const std::string& option) const {
    const fs::path process = proc() / std::to_string(pid);
    put_file(process / "cmdline", "typedb_server_bin" + std::string(1, '\0') + option + '\0');
    fs::create_directories(process / "fd");
    fs::create_symlink("/", process / "cwd");
    fs::create_symlink(home() / "server" / "typedb_server_bin", process / "exe");
  }
  [[nodiscard]] std::optional<Engine::Installed> find(const fs::path& place) const {
    return find_installed(place, proc());
  }
  [[nodiscard]] fs::path root() const { return fs::canonical(place_.path()); }
  [[nodiscard]] fs::path proc() const { return place_.path() / "proc"; }
  [[nodiscard]] fs::path home() const { return root() / "typedb-all-linux-x86_64-3.12.3"; }
  [[nodiscard]] fs::path data() const { return home() / "server" / "data"; }

  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbInstalled, IsFoundByTheDistributionsDirectory) {
  const auto found = find(home());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->home, home());
  EXPECT_EQ(found->databases, data());
  EXPECT_TRUE(found->findings.empty());
  EXPECT_TRUE(found->options.empty());
  EXPECT_NE(found->comment.find("TypeDB 3.12.3"), std::string::npos) << found->comment;
  EXPECT_NE(found->comment.find("storage.data-directory"), std::string::npos) << found->comment;
}

TEST_F(TypedbInstalled, IsFoundByADirectoryWithDatabases) {
  EXPECT_FALSE(find(data()));
  make_database_3(data() / "shop");
  auto found = find(data());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->databases, data());
  EXPECT_EQ(found->home, home());
  make_database_3(root() / "alone" / "shop");
  found = find(root() / "alone");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->home, root() / "alone");
  EXPECT_EQ(found->databases, root() / "alone");
  EXPECT_FALSE(find(root() / "absent"));
  EXPECT_FALSE(find(proc()));
}

TEST_F(TypedbInstalled, BelievesARunningServerMoreThanItsConfiguration) {
  make_database_3(root() / "other" / "shop");
  start(7, "--storage.data-directory=" + (root() / "other").native());
  for (const fs::path& place : {home(), root() / "other", proc() / "7"}) {
    const auto found = find(place);
    ASSERT_TRUE(found) << place;
    EXPECT_EQ(found->databases, root() / "other") << place;
    // The distribution leads elsewhere once it is stopped.
    EXPECT_EQ(found->home, root() / "other") << place;
    ASSERT_EQ(found->findings.size(), 1U) << place;
    EXPECT_EQ(found->findings[0].code, "typedb-data-directory-differs");
    EXPECT_EQ(found->options.at("home"), home().native());
    EXPECT_NE(found->comment.find("process 7"), std::string::npos) << found->comment;
  }
  EXPECT_FALSE(find(proc() / "8"));
}

TEST_F(TypedbInstalled, SaysWhereItCannotTell) {
  start(7, "--config=/absent.yml");
  const auto found = find(proc() / "7");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->databases.empty());
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings[0].code, "typedb-data-directory-unobservable");
  EXPECT_EQ(found->findings[0].severity, model::Severity::blocker);
}

TEST_F(TypedbInstalled, NamesNoPathOfAContainerAsHome) {
  make_database_3(root() / "shop");
  start(7, "--storage.data-directory=/var/lib/typedb");
  fs::create_directories(proc() / "7" / "ns");
  fs::create_symlink("mnt:[2]", proc() / "7" / "ns" / "mnt");
  fs::create_directories(proc() / "self" / "ns");
  fs::create_symlink("mnt:[1]", proc() / "self" / "ns" / "mnt");
  const auto found = find(proc() / "7");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->home.empty());
  EXPECT_TRUE(found->databases.empty());
  EXPECT_NE(found->comment.find("container"), std::string::npos) << found->comment;
}

}  // namespace
}  // namespace holdfast::engine::typedb

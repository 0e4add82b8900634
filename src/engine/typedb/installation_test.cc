// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/installation.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

// A proc(5) with processes of our own making, and the homes of distributions.
class TypedbInstallation : public testing::Test {
 protected:
  void start(int pid, const fs::path& program, const fs::path& working_directory,
             std::initializer_list<std::string> words) const {
    const fs::path process = proc() / std::to_string(pid);
    std::string line;
    for (const std::string& word : words) line += word + '\0';
    put_file(process / "cmdline", line);
    fs::create_directories(process / "fd");
    fs::create_symlink(working_directory, process / "cwd");
    fs::create_symlink(program, process / "exe");
  }
  void opens(int pid, int number, const fs::path& file) const {
    fs::create_symlink(file, proc() / std::to_string(pid) / "fd" / std::to_string(number));
  }
  void start_2(int pid, std::initializer_list<std::string> more) const {
    std::string line;
    for (const std::string& word : {std::string("java"), std::string("-cp"),
                                    std::string("conf/:lib/*"), "-Dtypedb.dir=" + home().native(),
                                    std::string("com.vaticle.typedb.core.server.TypeDBServer")})
      line += word + '\0';
    for (const std::string& word : more) line += word + '\0';
    start(pid, "/usr/lib/jvm/bin/java", "/root", {"java"});
    put_file(proc() / std::to_string(pid) / "cmdline", line);
  }
  [[nodiscard]] fs::path proc() const { return place_.path() / "proc"; }
  [[nodiscard]] fs::path home() const { return place_.path() / "typedb-all-linux-x86_64-3.12.3"; }
  [[nodiscard]] fs::path program() const { return home() / "server" / "typedb_server_bin"; }

  TemporaryDirectory place_{"holdfast-typedb-test"};
};

TEST_F(TypedbInstallation, ReadsTheOptionFromTheWorkingDirectory) {
  start(7, program(), "/srv", {"/x/typedb_server_bin", "--storage.data-directory=db/../data"});
  const auto found = server_of(7, proc());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data_directory, "/srv/data");
  EXPECT_EQ(found->home, home());
  EXPECT_EQ(found->version, "3.12.3");
  EXPECT_EQ(found->pid, 7);
  start(8, program(), "/srv", {"/x/typedb_server_bin", "--storage.data", "/old/data"});
  EXPECT_EQ(server_of(8, proc())->data_directory, "/old/data");
}

TEST_F(TypedbInstallation, ReadsTheConfigurationFromTheProgramsDirectory) {
  put_file(home() / "server" / "config.yml", "storage:\n    data-directory: \"data\"\n");
  put_file(home() / "other.yml", "storage:\n    data-directory: /var/lib/typedb/data\n");
  start(7, program(), "/srv", {"/x/typedb_server_bin"});
  EXPECT_EQ(server_of(7, proc())->data_directory, home() / "server" / "data");
  start(8, program(), "/srv", {"/x/typedb_server_bin", "--config", "../other.yml"});
  EXPECT_EQ(server_of(8, proc())->data_directory, "/var/lib/typedb/data");
}

TEST_F(TypedbInstallation, CannotTellWithoutTheConfigurationThatIsNamed) {
  start(7, program(), "/srv", {"/x/typedb_server_bin", "--config=/absent.yml"});
  const auto found = server_of(7, proc());
  EXPECT_EQ(found->data_directory, "");
  EXPECT_EQ(found->data_from, "/absent.yml cannot be read");
}

TEST_F(TypedbInstallation, BelievesOpenFilesMoreThanWords) {
  start(7, program(), "/srv", {"/x/typedb_server_bin", "--storage.data-directory=/wrong"});
  opens(7, 3, "/dev/null");
  opens(7, 4, "/real/_system/storage/OptimisedPrefix11/LOCK");
  const auto found = server_of(7, proc());
  EXPECT_EQ(found->data_directory, "/real");
  EXPECT_EQ(found->data_from, "/real/_system/storage/OptimisedPrefix11/LOCK, which it has open");
  start_2(8, {"--data=/wrong"});
  opens(8, 9, "/real2/shop/schema/LOCK");
  EXPECT_EQ(server_of(8, proc())->data_directory, "/real2");
}

TEST_F(TypedbInstallation, ReadsOptionsOfTypedb2FromItsHome) {
  start_2(7, {"--storage.data=server/other", "--server.address=0.0.0.0:1729"});
  EXPECT_EQ(server_of(7, proc())->data_directory, home() / "server" / "other");
  start_2(8, {"--data", "/srv/data"});
  EXPECT_EQ(server_of(8, proc())->data_directory, "/srv/data");
}

TEST_F(TypedbInstallation, ReadsConfigurationsOfTypedb2) {
  start_2(7, {});
  EXPECT_EQ(server_of(7, proc())->data_directory, "");
  put_file(home() / "server/conf/typedb.properties", "server.port=1729\n");
  EXPECT_EQ(server_of(7, proc())->data_directory, home() / "server/data");
  put_file(home() / "server/conf/typedb.properties", "server.data=/a\n");
  EXPECT_EQ(server_of(7, proc())->data_directory, "/a");
  put_file(home() / "server/conf/typedb.yml", "storage:\n  data: /b\n");
  EXPECT_EQ(server_of(7, proc())->data_directory, "/b");
  put_file(home() / "server/conf/config.yml", "storage:\n  data: $DATA\n");
  EXPECT_EQ(server_of(7, proc())->data_directory, "");
  EXPECT_NE(server_of(7, proc())->data_from.find("`$DATA`"), std::string::npos);
}

TEST_F(TypedbInstallation, TakesTheReleaseOfTypedb2FromItsJar) {
  start_2(7, {});
  put_file(home() / "server/lib/com-vaticle-typedb-typedb-protocol-2.28.0.jar", "");
  put_file(home() / "server/lib/com-vaticle-typedb-typedb-core-server-2.29.1.jar", "");
  EXPECT_EQ(server_of(7, proc())->version, "2.29.1");
  EXPECT_EQ(installed_at(home())->version, "2.29.1");
}

TEST_F(TypedbInstallation, ListsServersAndNothingElse) {
  start(30, "/usr/bin/bash", "/", {"bash", "-c", "typedb_server_bin"});
  start(4, program(), "/srv", {"/x/typedb_server_bin"});
  start_2(20, {});
  put_file(proc() / "31" / "cmdline", "");  // a thread of the kernel, or one that has ended
  put_file(proc() / "version", "Linux");
  const auto found = running_servers(proc());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].pid, 4);
  EXPECT_EQ(found[1].pid, 20);
  EXPECT_FALSE(server_of(30, proc()));
  EXPECT_FALSE(server_of(99, proc()));
}

TEST_F(TypedbInstallation, LooksIntoContainers) {
  start(7, program(), "/", {"/x/typedb_server_bin", "--storage.data-directory=/var/data"});
  fs::create_directories(proc() / "7" / "ns");
  fs::create_directories(proc() / "self" / "ns");
  fs::create_symlink("mnt:[4026531840]", proc() / "self" / "ns" / "mnt");
  fs::create_symlink("mnt:[4026532999]", proc() / "7" / "ns" / "mnt");
  EXPECT_EQ(server_of(7, proc())->data_directory, proc() / "7/root/var/data");
}

TEST_F(TypedbInstallation, FindsThePackageAroundItsData) {
  put_file(program(), "");
  const auto found = around(home() / "server" / "data");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->home, home());
  EXPECT_EQ(found->version, "3.12.3");
  EXPECT_EQ(found->data_directory, home() / "server" / "data");
  EXPECT_FALSE(found->pid);
  EXPECT_FALSE(around(place_.path() / "elsewhere"));
  EXPECT_FALSE(installed_at(place_.path()));
}

TEST_F(TypedbInstallation, SaysThatNothingTellsTheRelease) {
  const fs::path plain = place_.path() / "core";
  put_file(plain / "server" / "typedb_server_bin", "");
  const auto found = installed_at(plain);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->version, "");
  EXPECT_NE(found->version_from.find("nothing in"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::typedb

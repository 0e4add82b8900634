// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/machine.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::profile::migration_center {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::string_view table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    "   0: 0100007F:25E4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
    "   1: 0100007F:25E4 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0\n"
    "   2: 0100007F:D431 0100007F:25E4 01 00000000:00000000 00:00000000 00000000     0\n"
    "   3: 0100007F:25E4 0200000A:D432 06 00000000:00000000 00:00000000 00000000     0\n"
    "   4: 0300000A:D433 0200000A:25E4 01 00000000:00000000 00:00000000 00000000     0\n"
    "   5: 0300000A:1F90 0200000A:D434 01 00000000:00000000 00:00000000 00000000     0\n";

TEST(PortUse, IsThatOfThePortAndOfNoOther) {
  PortUse use;
  add_port_use(table, 9700, use);
  EXPECT_TRUE(use.is_listening);
  // Once though both ends are here, not while it closes, and to a Jobserver elsewhere too.
  ASSERT_EQ(use.connections.size(), 2U);
  EXPECT_EQ(use.connections[0].local, "127.0.0.1:9700");
  EXPECT_EQ(use.connections[0].remote, "127.0.0.1:54321");
  EXPECT_EQ(use.connections[1].remote, "10.0.0.2:9700");
}

TEST(PortUse, IsReadOfBothKindsOfAddresses) {
  PortUse use;
  add_port_use(
      "  sl  local_address                         remote_address                        st\n"
      "   0: 00000000000000000000000000000000:25E4 00000000000000000000000000000000:0000 0A 0\n"
      "   1: 00000000000000000000000001000000:25E4 00000000000000000000000001000000:9C40 01 0\n"
      "   2: 0000000000000000FFFF00000200000A:25E4 0000000000000000FFFF00000300000A:9C41 01 0\n",
      9700, use);
  EXPECT_TRUE(use.is_listening);
  ASSERT_EQ(use.connections.size(), 2U);
  EXPECT_EQ(use.connections[0].remote, "[::1]:40000");
  EXPECT_EQ(use.connections[1].remote, "10.0.0.3:40001");
}

TEST(PortUse, OfWhatIsNoTableIsNone) {
  PortUse use;
  for (const char* text : {"", "\n\n", "a b c d", "0: 0100007F 0100007F:25E4 01",
                           "0: 0100007F:25E4X 0100007F:25E4 0A", "0: :25E4 :25E4 01"})
    add_port_use(text, 9700, use);
  EXPECT_FALSE(use.is_listening);
  EXPECT_TRUE(use.connections.empty());
}

TEST(Addresses, AreHostsWithOrWithoutPorts) {
  const auto split = [](std::string_view text) {
    const auto found = split_address(text, 9700);
    return found ? found->host + " " + std::to_string(found->port) : std::string();
  };
  EXPECT_EQ(split("jobs"), "jobs 9700");
  EXPECT_EQ(split("jobs:9701"), "jobs 9701");
  EXPECT_EQ(split("::1"), "::1 9700");
  EXPECT_EQ(split("[::1]:9701"), "::1 9701");
  EXPECT_EQ(split("[::1]"), "::1 9700");
  for (const char* text : {"", "jobs:abc", "jobs:", "jobs:0", "jobs:65536", "jobs:9700x", ":9700",
                           "[::1", "[::1]9700", "/opt/jobs", "two words"})
    EXPECT_EQ(split(text), "") << text;
}

TEST(Addresses, OfThisMachineAreKnown) {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.0.1.1", "::1"})
    EXPECT_TRUE(is_here(host)) << host;
  for (const char* host : {"jobs.prod.example", "192.0.2.1", "2001:db8::1", ""})
    EXPECT_FALSE(is_here(host)) << host;
}

class LogWatchTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text, bool long_ago = true) const {
    const fs::path path = directory_.path() / name;
    fs::create_directories(path.parent_path());
    write_file_durably(path, as_bytes(text), 0644);
    if (long_ago) fs::last_write_time(path, fs::file_time_type::clock::now() - 1h);
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (directory_.path() / name).string();
  }

  TemporaryDirectory directory_{"logs"};
  LogWatch watch_{{directory_.path().string()}};
};

TEST_F(LogWatchTest, TellsWhatWasWrittenToLately) {
  write("old.log", "x");
  write("runs/new.log", "x", false);
  EXPECT_EQ(watch_.look(10s), std::vector<std::string>{path("runs/new.log")});
  EXPECT_EQ(watch_.files(), 2U);
}

TEST_F(LogWatchTest, TellsWhatHasChangedSinceTheLastLook) {
  write("a.log", "x");
  write("b.log", "x");
  EXPECT_TRUE(watch_.look(10s).empty());
  EXPECT_TRUE(watch_.look(10s).empty());
  write("b.log", "xy");
  write("c.log", "x");
  EXPECT_EQ(watch_.look(10s), (std::vector<std::string>{path("b.log"), path("c.log")}));
  EXPECT_TRUE(watch_.look(10s).empty());
}

TEST_F(LogWatchTest, PassesOverWhoOnlyLooksAtPages) {
  write("localhost_access_log.2026-11-22.txt", "GET /", false);
  EXPECT_TRUE(watch_.look(10s).empty());
}

TEST_F(LogWatchTest, FollowsALinkToAFileAndRefusesOneToADirectory) {
  const TemporaryDirectory elsewhere("elsewhere");
  write_file_durably(elsewhere.path() / "a.log", as_bytes("x"), 0644);
  fs::create_symlink(elsewhere.path() / "a.log", path("a.log"));
  EXPECT_EQ(watch_.look(10s), std::vector<std::string>{path("a.log")});
  fs::create_directory_symlink(elsewhere.path(), path("older"));
  EXPECT_THROW(static_cast<void>(watch_.look(10s)), Error);
}

TEST_F(LogWatchTest, TellsWhereThereAreNoLogs) {
  write("runs/a.log", "x");
  fs::create_directories(path("runs-of-old"));
  static_cast<void>(watch_.look(10s));
  EXPECT_TRUE(watch_.has_files_below(path("runs")));
  EXPECT_TRUE(watch_.has_files_below(directory_.path().string()));
  EXPECT_FALSE(watch_.has_files_below(path("runs-of-old")));
}

TEST_F(LogWatchTest, RefusesADirectoryThatIsGone) {
  LogWatch watch({path("missing")});
  EXPECT_THROW(static_cast<void>(watch.look(10s)), Error);
}

}  // namespace
}  // namespace holdfast::profile::migration_center

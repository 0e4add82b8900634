// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_fence.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/fd.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

// A directory that says of process 7 what proc(5) does.
class TypedbListener : public testing::Test {
 protected:
  TypedbListener() {
    fs::create_directories(process() / "fd");
    fs::create_symlink("/etc/passwd", process() / "fd" / "0");
    set_network("self", "net:[1]");
    set_network("7", "net:[1]");
    put_file(process() / "net/tcp", std::string(header));
  }
  [[nodiscard]] fs::path process() const { return proc_.path() / "7"; }
  void set_network(const std::string& pid, const std::string& network) const {
    const fs::path link = proc_.path() / pid / "ns/net";
    fs::create_directories(link.parent_path());
    fs::remove(link);
    fs::create_symlink(network, link);
  }
  // A socket of the process, listening unless `state` says otherwise.
  void add_socket(const std::string& inode, const std::string& local, const char* table = "tcp",
                  const char* state = "0A") const {
    const fs::path link = process() / "fd" / inode;
    if (!fs::is_symlink(link)) fs::create_symlink("socket:[" + inode + "]", link);
    add_line(inode, local, table, state);
  }
  void add_line(const std::string& inode, const std::string& local, const char* table = "tcp",
                const char* state = "0A") const {
    const fs::path path = process() / "net" / table;
    const std::string before = fs::exists(path) ? read_text_file(path) : std::string(header);
    put_file(path, before + fmt::format("   0: {} 00000000:0000 {} 00000000:00000000 00:00000000 "
                                        "00000000  1000        0 {} 1 0000000000000000 100 0\n",
                                        local, state, inode));
  }
  [[nodiscard]] std::string found() const {
    return listens_at(7, proc_.path()).value_or("nothing");
  }

 private:
  static constexpr std::string_view header =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n";
  TemporaryDirectory proc_{"holdfast-typedb-test"};
};

TEST_F(TypedbListener, IsTheOnlyPlaceWhereTheProcessListens) {
  EXPECT_EQ(found(), "nothing");
  add_line("50", "0100007F:0016");  // somebody else's
  add_socket("51", "0100007F:1F40", "tcp", "01");
  EXPECT_EQ(found(), "nothing");
  add_socket("52", "0100007F:1F41");
  EXPECT_EQ(found(), "127.0.0.1:8001");
}

TEST_F(TypedbListener, IsAtTypedbsOwnPortAmongSeveral) {
  add_socket("51", "0100007F:1F40");
  add_socket("52", "0100007F:1F41");
  EXPECT_EQ(found(), "nothing");
  add_socket("53", "0B01A8C0:06C1");
  EXPECT_EQ(found(), "192.168.1.11:1729");
}

TEST_F(TypedbListener, IsThisHostWhereItTakesAnyAddress) {
  add_socket("51", "00000000:06C1");
  EXPECT_EQ(found(), "127.0.0.1:1729");
}

TEST_F(TypedbListener, IsReadInAddressesOfBothKinds) {
  add_socket("51", "00000000000000000000000000000000:06C1", "tcp6");
  EXPECT_EQ(found(), "[::1]:1729");
  put_file(process() / "net/tcp6", "");
  add_socket("52", "0000000000000000FFFF00000B01A8C0:06C1", "tcp6");
  EXPECT_EQ(found(), "192.168.1.11:1729");
  put_file(process() / "net/tcp6", "");
  add_socket("53", "B80D0120000000000000000001000000:06C1", "tcp6");
  EXPECT_EQ(found(), "[2001:db8::1]:1729");
}

TEST_F(TypedbListener, IsNotLookedForInAnotherNetwork) {
  add_socket("51", "00000000:06C1");
  set_network("7", "net:[2]");
  EXPECT_EQ(found(), "nothing");
}

TEST_F(TypedbListener, IsNotFoundInATableThatIsNone) {
  add_socket("51", "0000007F");
  add_socket("52", "XX00007F:06C1");
  add_socket("53", "007F:06C1");
  EXPECT_EQ(found(), "nothing");
}

TEST(TypedbFencingServer, IsNobodyWhereNobodyHasTheDatabaseOpen) {
  const TemporaryDirectory place("holdfast-typedb-test");
  make_database_2(place.path() / "data/shop", 2);
  EXPECT_FALSE(find_fencing_server(place.path() / "data/shop", {}));
}

}  // namespace
}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
// Copies and restores through the S3 receiver, against a server that a scenario plays.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "contract/engine/sqlserver_fixture.h"

namespace holdfast::test {
namespace {

// One that nobody listens at just now.
unsigned free_port() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

class SqlServerObjects : public SqlServerReplay {
 protected:
  // A server that trusts a receiver at this machine's own name.
  [[nodiscard]] static model::Endpoint endpoint_of(const ScriptedServer& server) {
    const std::string certificate = server.home() / "receiver.pem", key = server.home() / "key.pem";
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=localhost -addext subjectAltName=DNS:localhost -keyout " +
        key + " -out " + certificate + " 2>/dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0);
    model::Endpoint endpoint =
        server.endpoint({{"receiver", "localhost:" + std::to_string(free_port())},
                         {"receiver_certificate", certificate},
                         {"receiver_key", key}});
    endpoint.options.erase("backup_directory");
    endpoint.options.erase("exchange_directory");
    return endpoint;
  }
};

TEST_F(SqlServerObjects, TakeABackupAndGiveItBack) {
  const ScriptedServer server("s3");
  const model::Endpoint endpoint = endpoint_of(server);
  const auto made = copy(endpoint);
  EXPECT_EQ(as_text(made->parts.at("backup.bak")), read_text_file(server.home() / "object.bak"));
  EXPECT_EQ(made->facts.engine_facts.at("medium").as_string(), "receiver");
  EXPECT_EQ(made->facts.engine_facts.at("pages").at("right").as_uint(), 23U * 128);
  EXPECT_EQ(made->facts.moment.position, "lsn 40:200:1");
  EXPECT_FALSE(server.is_set("credential"));
  EXPECT_EQ(server.files_left(), 0U);
  ASSERT_EQ(announced_.size(), 1U);
  EXPECT_EQ(announced_[0].at("kind").as_string(), "credential");
  EXPECT_EQ(engine::sqlserver::undo_physical(announced_[0], endpoint), "");

  engine::LoadOptions options = load_options();
  options.only_beside = true;
  const engine::LoadReport report =
      engine::sqlserver::load_physical(made->parts, made->facts, endpoint, options, {});
  EXPECT_TRUE(report.beside.has_value());
  EXPECT_EQ(read_text_file(server.home() / "read.bak"),
            read_text_file(server.home() / "object.bak"));
  EXPECT_TRUE(server.was_asked("RESTORE DATABASE [Shop_holdfast_"));
  EXPECT_FALSE(server.is_set("credential"));
}

TEST_F(SqlServerObjects, AreNotBelievedUnlessTheyAreComplete) {
  const ScriptedServer server("s3_cut");
  const model::Endpoint endpoint = endpoint_of(server);
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::incomplete) << refused.what();
  EXPECT_FALSE(server.is_set("credential"));
}

}  // namespace
}  // namespace holdfast::test

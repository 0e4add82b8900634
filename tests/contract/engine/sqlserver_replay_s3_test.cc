// SPDX-License-Identifier: Apache-2.0
// Copies and restores through the S3 receiver, against a server that a scenario plays.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "contract/engine/sqlserver_fixture.h"

namespace holdfast::test {
namespace {

class SqlServerObjects : public SqlServerReplay {};

TEST_F(SqlServerObjects, TakeABackupAndGiveItBack) {
  const ScriptedServer server("s3");
  const model::Endpoint endpoint = server.receiving_endpoint();
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
  const model::Endpoint endpoint = server.receiving_endpoint();
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::incomplete) << refused.what();
  EXPECT_FALSE(server.is_set("credential"));
}

// Objects come in at once, as the server waits for none of them: it begins when all are awaited.
TEST_F(SqlServerObjects, OfALargeDatabaseComeAndGoSideBySide) {
  const ScriptedServer server("s3_stripes");
  const model::Endpoint endpoint = server.receiving_endpoint();
  const auto made = copy(endpoint, {}, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(server.was_asked("BACKUP DATABASE"));
  });
  ASSERT_EQ(made->parts.list().size(), 2U);
  for (const char* number : {"1", "2"})
    EXPECT_EQ(as_text(made->parts.at(std::string("backup_") + number + ".bak")),
              read_text_file(server.home() / (std::string("object_") + number + ".bak")));
  EXPECT_EQ(made->facts.engine_facts.at("stripes").as_uint(), 2U);
  EXPECT_EQ(made->facts.engine_facts.at("pages").at("right").as_uint(), (23U + 12) * 128);
  EXPECT_FALSE(server.is_set("credential"));

  engine::LoadOptions options = load_options();
  options.only_beside = true;
  static_cast<void>(
      engine::sqlserver::load_physical(made->parts, made->facts, endpoint, options, {}));
  for (const char* number : {"1", "2"})
    EXPECT_EQ(read_text_file(server.home() / (std::string("read_") + number + ".bak")),
              read_text_file(server.home() / (std::string("object_") + number + ".bak")));
  EXPECT_FALSE(server.is_set("credential"));
}

TEST_F(SqlServerObjects, OfALargeDatabaseAreNoneUnlessAllAreComplete) {
  const ScriptedServer server("s3_stripe_cut");
  const model::Endpoint endpoint = server.receiving_endpoint();
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::incomplete) << refused.what();
  EXPECT_FALSE(server.is_set("credential"));
}

TEST_F(SqlServerObjects, OfALargeDatabaseNeedAsManyCopiesAtOnce) {
  const ScriptedServer server("s3_stripes");
  const model::Endpoint endpoint = server.receiving_endpoint();
  engine::HoldOptions options = hold_options();
  options.parallel = 1;
  const auto held = engine::sqlserver::make_physical_hold({&endpoint, 1}, options);
  const Error refused = refusal_of([&] { held->capture(); });
  EXPECT_EQ(refused.code(), Errc::unsupported) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "limits.parallel to 2")) << refused.hint();
  EXPECT_FALSE(server.was_asked("BACKUP"));
}

}  // namespace
}  // namespace holdfast::test

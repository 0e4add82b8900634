// SPDX-License-Identifier: Apache-2.0
// Copies and restores through the S3 receiver, against a server that a scenario plays.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
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

// Parts as a server sends them that writes all at once: none goes on until all are read.
class PartsAtOnce final : public model::PartSource {
 public:
  explicit PartsAtOnce(const model::PartSource& parts)
      : parts_(parts), awaited_(parts.list().size()) {}
  [[nodiscard]] std::vector<Entry> list() const override { return parts_.list(); }
  [[nodiscard]] std::unique_ptr<ByteSource> open(std::string_view path) const override {
    return std::make_unique<Waiting>(*this, parts_.open(path));
  }
  [[nodiscard]] std::unique_ptr<model::RandomSource> open_random(
      std::string_view path) const override {
    return parts_.open_random(path);
  }
  void restore_tree(std::string_view path, const std::filesystem::path& into) const override {
    parts_.restore_tree(path, into);
  }
  [[nodiscard]] const Json& facts() const override { return parts_.facts(); }

 private:
  class Waiting final : public ByteSource {
   public:
    Waiting(const PartsAtOnce& all, std::unique_ptr<ByteSource> content)
        : all_(all), content_(std::move(content)) {}
    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
      if (!std::exchange(is_read_, true)) all_.await();
      return content_->read(into);
    }

   private:
    const PartsAtOnce& all_;
    const std::unique_ptr<ByteSource> content_;
    bool is_read_ = false;
  };
  void await() const {
    std::unique_lock lock(mutex_);
    --awaited_;
    changed_.notify_all();
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return awaited_ == 0; }))
      throw Error(Errc::unavailable, "the other parts are not read");
  }

  const model::PartSource& parts_;
  mutable std::mutex mutex_;  // guards awaited_
  mutable std::condition_variable changed_;
  mutable std::size_t awaited_;
};

TEST_F(SqlServerObjects, OfALargeDatabaseMoveToADirectoryWhileTheyAreWritten) {
  const ScriptedServer server("s3_stripes"), target("empty_target");
  const auto made = copy(server.receiving_endpoint());
  const PartsAtOnce parts(made->parts);
  static_cast<void>(
      engine::sqlserver::load_physical(parts, made->facts, target.endpoint(), load_options(), {}));
  EXPECT_TRUE(target.is_set("is 7 Shop"));
  EXPECT_EQ(target.files_left(), 0U);
}

TEST_F(SqlServerObjects, OfALargeDatabaseAreNoneUnlessAllAreComplete) {
  const ScriptedServer server("s3_stripe_cut");
  const model::Endpoint endpoint = server.receiving_endpoint();
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::incomplete) << refused.what();
  EXPECT_FALSE(server.is_set("credential"));
}

// The failure of one ends the others, each with an error of its own, as each adds to it.
TEST_F(SqlServerObjects, OfALargeDatabaseFailEachInTheirOwnWords) {
  const ScriptedServer server("s3_stripes_fail");
  const model::Endpoint endpoint = server.receiving_endpoint();
  const Error refused = refusal_of([&] { static_cast<void>(copy(endpoint)); });
  EXPECT_EQ(refused.code(), Errc::not_consistent) << refused.what();
  EXPECT_TRUE(has(refused.what(), "(while copying backup_1.bak)")) << refused.what();
  EXPECT_FALSE(has(refused.what(), "(while copying backup_2.bak)")) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "DBCC CHECKDB")) << refused.what();
}

TEST_F(SqlServerObjects, OfSeveralServersNeedAPortEach) {
  const ScriptedServer server("s3"), other("s3");
  const model::Endpoint endpoint = server.receiving_endpoint();
  model::Endpoint same = other.receiving_endpoint();
  same.options["receiver"] = endpoint.options.at("receiver");
  const auto held = engine::sqlserver::make_physical_hold({&endpoint, 1}, hold_options());
  held->capture();
  const auto second = engine::sqlserver::make_physical_hold({&same, 1}, hold_options());
  const Error refused = refusal_of([&] { second->capture(); });
  EXPECT_EQ(refused.code(), Errc::unavailable) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "several servers need a port each")) << refused.what();
  held->release();
}

TEST_F(SqlServerObjects, AreReadByNoExpressEdition) {
  const ScriptedServer target("express");
  model::DatabaseFacts facts;
  facts.engine_facts = Json::object().set("method", "physical");
  const auto findings = engine::sqlserver::check_physical_target(facts, target.receiving_endpoint(),
                                                                 load_options(), {});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "sqlserver-no-s3");
  EXPECT_TRUE(model::has_blocker(findings));
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

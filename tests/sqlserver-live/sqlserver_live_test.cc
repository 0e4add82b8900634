// SPDX-License-Identifier: Apache-2.0
// A database made on a server, copied, loaded beside and compared: live_server.h.
#include "engine/sqlserver/sqlserver.h"

#include "base/error.h"
#include "tests/harness/memory_parts.h"
#include "tests/sqlserver-live/live_server.h"

namespace holdfast::engine::sqlserver::live {
namespace {

// Keys, a reference, an identity with a gap, a view, and values of many types.
void fill(Session& session) {
  for (const char* sql :
       {"CREATE TABLE dbo.customers (id int NOT NULL PRIMARY KEY, name nvarchar(100) NOT NULL)",
        "CREATE TABLE dbo.orders (id int IDENTITY(10,5) NOT NULL PRIMARY KEY, customer int NOT "
        "NULL, total decimal(12,2) NULL, note nvarchar(max) NULL, picture varbinary(max) NULL, "
        "made datetime2 "
        "NULL, is_open bit NULL, weight float NULL)",
        "ALTER TABLE dbo.orders ADD CONSTRAINT fk_orders_customers FOREIGN KEY (customer) "
        "REFERENCES dbo.customers (id)",
        "CREATE INDEX ix_orders_made ON dbo.orders (made)",
        "INSERT INTO dbo.customers VALUES (1, N'Zo\u00eb'), (2, N'\u6f22 \U0001f600')",
        "INSERT INTO dbo.orders (customer, total, note, picture, made, is_open, weight) VALUES "
        "(1, 12.50, N'first', 0x00ff, '2024-02-29 13:14:15.123', 1, 0.1), (2, -0.01, NULL, NULL, "
        "NULL, 0, NULL), (2, NULL, N'', 0x, '1999-12-31', NULL, 1e300)",
        "DELETE FROM dbo.orders WHERE total = -0.01"})
    session.run(sql);
  session.run(
      "CREATE VIEW dbo.open_orders AS SELECT id, customer FROM dbo.orders WHERE is_open = 1");
}

class SqlServerLive : public LiveServer, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    LiveServer::SetUp();
    if (IsSkipped()) return;
    endpoint_.options["method"] = GetParam();
    if (std::string(GetParam()) == "logical") return;
    for (const auto& [name, option] : {std::pair{"BACKUP_DIRECTORY", "backup_directory"},
                                       {"EXCHANGE_DIRECTORY", "exchange_directory"},
                                       {"RECEIVER", "receiver"},
                                       {"RECEIVER_CERTIFICATE", "receiver_certificate"},
                                       {"RECEIVER_KEY", "receiver_key"}})
      if (const char* const value =
              std::getenv(("HOLDFAST_SQLSERVER_" + std::string(name)).c_str()))
        endpoint_.options[option] = value;
    if (!endpoint_.options.contains("exchange_directory") &&
        !endpoint_.options.contains("receiver"))
      GTEST_SKIP() << "needs HOLDFAST_SQLSERVER_EXCHANGE_DIRECTORY or _RECEIVER";
  }
  void copy(const model::Endpoint& source) {
    HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.before_change = [&](std::string_view, std::string_view, const Json& undo) {
      of_copy_.push_back(undo);
    };
    const auto held = engine().hold({&source, 1}, options);
    held->capture();
    held->unfence();
    for (const model::Part& part : held->parts(0)) {
      test::MemoryPartSink sink;
      held->copy(0, part, sink, {});
      parts_.put(part.path, sink.content());
    }
    held->describe(0, facts_);
    held->release();
    for (auto undo = of_copy_.rbegin(); undo != of_copy_.rend(); ++undo)
      EXPECT_EQ(engine().undo(*undo, source), "");
  }
  TemporaryDirectory scratch_{"holdfast-sqlserver-live"};
  std::vector<Json> of_copy_;
  test::MemoryPartSource parts_;
  model::DatabaseFacts facts_;
};

TEST_P(SqlServerLive, CopiesADatabaseAndLoadsItAndHasTheSameRows) {
  const model::Endpoint source = make("source");
  fill(*session_in(source));
  const Probe probe = engine().probe(source);
  ASSERT_TRUE(probe.exists);
  EXPECT_FALSE(probe.empty);
  for (const model::Finding& one : probe.findings)
    EXPECT_NE(one.severity, model::Severity::blocker) << one.code << ": " << one.seen;
  copy(source);
  ASSERT_EQ(facts_.tables.size(), 2U);
  const model::Endpoint target = another("target");
  EXPECT_FALSE(engine().probe(target).exists);
  LoadOptions options;
  options.scratch_directory = scratch_.path();
  options.kept_suffix = "_before_test";
  options.parallel = 2;
  std::vector<Json> undos;
  options.before_change = [&](std::string_view, const Json& undo) { undos.push_back(undo); };
  const LoadReport report = engine().load(parts_, facts_, target, options, {});
  EXPECT_EQ(report.rows, 4U);
  model::DatabaseFacts found;
  engine().describe(target, found);
  engine().harmonize(facts_, found, options);
  ASSERT_EQ(found.tables.size(), facts_.tables.size());
  for (std::size_t i = 0; i < found.tables.size(); ++i) {
    EXPECT_EQ(found.tables[i].rows, facts_.tables[i].rows);
    EXPECT_EQ(found.tables[i].digest, facts_.tables[i].digest) << found.tables[i].table;
  }
  EXPECT_EQ(engine().query_one(target, "SELECT name FROM dbo.customers WHERE id = 2"),
            "\u6f22 \U0001f600");
  EXPECT_EQ(engine().query_one(target, "SELECT COUNT(*) FROM dbo.open_orders"), "1");
  // The identity goes on where it stood, and what refers to nobody is refused.
  EXPECT_EQ(engine().execute(target, "INSERT INTO dbo.orders (customer) VALUES (1)", {}), 1U);
  EXPECT_EQ(engine().query_one(target, "SELECT MAX(id) FROM dbo.orders"), "25");
  EXPECT_THROW(static_cast<void>(
                   engine().execute(target, "INSERT INTO dbo.orders (customer) VALUES (7)", {})),
               Error);
  for (auto undo = undos.rbegin(); undo != undos.rend(); ++undo)
    static_cast<void>(engine().undo(*undo, target));
  EXPECT_FALSE(engine().probe(target).exists);
}

INSTANTIATE_TEST_SUITE_P(Both, SqlServerLive, testing::Values("logical", "physical"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace holdfast::engine::sqlserver::live

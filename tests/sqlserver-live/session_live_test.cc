// SPDX-License-Identifier: Apache-2.0
// What a session does with a server that speaks the protocol, SQL Server or not: live_server.h.
#include <chrono>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "engine/sqlserver/connection_text.h"
#include "tests/sqlserver-live/live_server.h"

namespace holdfast::engine::sqlserver::live {
namespace {

class SqlServerSession : public LiveServer {
 protected:
  // What connecting so ends with; bug if it does not end with an Error.
  static Errc code_of(const model::Endpoint& endpoint) {
    try {
      const auto session = session_in(endpoint);
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty()) << error.message();
      if (endpoint.password != nullptr) {
        EXPECT_EQ(error.message().find(endpoint.password->reveal()), std::string::npos);
      }
      return error.code();
    }
    return Errc::bug;
  }
};

TEST_F(SqlServerSession, SaysWhyItCannotConnect) {
  model::Endpoint wrong = endpoint_;
  wrong.password = std::make_shared<Secret>(std::string("certainly not the password"));
  if (!wrong.user.empty()) {
    EXPECT_EQ(code_of(wrong), Errc::denied);
  }
  wrong = another("absent");
  EXPECT_EQ(code_of(wrong), Errc::not_found);
  wrong = endpoint_;
  wrong.uri = "sqlserver://127.0.0.1:9/shop";
  EXPECT_EQ(code_of(wrong), Errc::unavailable);
  wrong = endpoint_;
  wrong.options["driver"] = "/nowhere/libtdsodbc.so";
  EXPECT_EQ(code_of(wrong), Errc::not_found);
}

TEST_F(SqlServerSession, TakesNoCertificateOfSomebodyElse) {
  if (location_of(endpoint_).tls != Tls::verified) GTEST_SKIP() << "needs tls = verified";
  EXPECT_FALSE(server_->is_unverified());
  if (location_of(endpoint_).tls_ca.empty()) GTEST_SKIP() << "needs HOLDFAST_SQLSERVER_TLS_CA";
  model::Endpoint wrong = endpoint_;
  wrong.options.erase("tls_ca");
  EXPECT_EQ(code_of(wrong), Errc::unavailable);
}

TEST_F(SqlServerSession, BringsEveryValueWhole) {
  const auto session = session_in(make("values"));
  const auto rows = session->query(
      "SELECT N'Zo\u00eb \U0001f600', N'', NULL, CAST('a''b' AS varchar(20)), 42, "
      "CAST(-1.50 AS decimal(38,10)), CAST(0x00ff AS varbinary(10)), CAST('' AS varchar(3))");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0], (std::vector<Cell>{"Zo\u00eb \U0001f600", "", std::nullopt, "a'b", "42",
                                        "-1.5000000000", "00ff", ""}));
  // Longer than any piece, of one byte and of several for a character, beside short ones.
  session->run("CREATE TABLE wide (id int, n nvarchar(max), v varchar(max), b varbinary(max))");
  session->run(
      "INSERT INTO wide VALUES (1, REPLICATE(CAST(N'\u00e9\U0001f600' AS nvarchar(max)), "
      "100000), REPLICATE(CAST('x' AS varchar(max)), 65535), 0x0102)");
  session->run("INSERT INTO wide VALUES (2, NULL, '', NULL)");
  const std::array fetch{Fetch::text, Fetch::text, Fetch::text, Fetch::bytes};
  Rows wide = session->stream("SELECT id, n, v, b FROM wide ORDER BY id", fetch);
  ASSERT_TRUE(wide.next());
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "\u00e9\U0001f600";
  EXPECT_TRUE(wide.field(1) == text);
  EXPECT_TRUE(wide.field(2) == std::string(65535, 'x'));
  EXPECT_EQ(wide.field(3), "\x01\x02");
  ASSERT_TRUE(wide.next());
  EXPECT_EQ(wide.field(0), "2");
  EXPECT_TRUE(wide.is_null(1));
  EXPECT_FALSE(wide.is_null(2));
  EXPECT_EQ(wide.field(2), "");
  EXPECT_TRUE(wide.is_null(3));
  EXPECT_FALSE(wide.next());
}

TEST_F(SqlServerSession, BringsManyRowsAndRealsExactly) {
  const auto session = session_in(make("rows"));
  session->run("CREATE TABLE many (id int, r float, t nvarchar(20))");
  for (int from = 0; from < 5000; from += 500) {
    std::string values;
    for (int i = from; i < from + 500; ++i)
      values += fmt::format("{}({},{}e-3,N'row {}')", i == from ? "" : ",", i, i, i);
    EXPECT_EQ(session->change("INSERT INTO many VALUES " + values), 500U);
  }
  const std::array fetch{Fetch::text, Fetch::real, Fetch::text};
  Rows rows = session->stream("SELECT id, r, t FROM many ORDER BY id", fetch);
  int count = 0;
  for (; rows.next(); ++count) {
    ASSERT_EQ(rows.field(0), std::to_string(count));
    ASSERT_EQ(rows.real(1), std::strtod(fmt::format("{}e-3", count).c_str(), nullptr));
    ASSERT_EQ(rows.field(2), fmt::format("row {}", count));
  }
  EXPECT_EQ(count, 5000);
}

TEST_F(SqlServerSession, TellsErrorsFromWhatIsSaidOnTheWay) {
  const auto session = session_in(make("errors"));
  std::vector<std::string> heard;
  session->run("PRINT 'one'; CREATE TABLE t (a int); PRINT 'two'",
               [&](const Message& message) { heard.push_back(message.text); });
  EXPECT_EQ(heard, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(session->change("INSERT INTO t VALUES (1), (2)"), 2U);
  EXPECT_EQ(session->change("DELETE FROM t WHERE a > 5"), 0U);
  const auto errors = session->try_run("RAISERROR('so not', 16, 1)");
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].number, 50000);
  EXPECT_EQ(errors[0].text, "so not");
  std::string said;
  EXPECT_FALSE(session->try_query("SELECT * FROM nosuch", &said).has_value());
  EXPECT_NE(said.find("nosuch"), std::string::npos) << said;
  EXPECT_THROW(session->run("SELECT * FROM nosuch"), Error);
  EXPECT_TRUE(session->is_alive());
}

TEST_F(SqlServerSession, GivesUpRowsInTheirMiddle) {
  const auto session = session_in(make("given_up"));
  {
    const std::array fetch{Fetch::text};
    Rows rows = session->stream("SELECT a.name FROM sys.columns a CROSS JOIN sys.schemas b", fetch);
    ASSERT_TRUE(rows.next());
  }
  EXPECT_EQ(session->value("SELECT 1 + 1"), "2");
}

// What another session commits stays unseen.
TEST_F(SqlServerSession, HoldsAMomentUnderSnapshotIsolation) {
  const model::Endpoint place = make("moment");
  const auto writer = session_in(place);
  static_cast<void>(server_->try_run(
      fmt::format("ALTER DATABASE {} SET ALLOW_SNAPSHOT_ISOLATION ON", identifier(made_.back()))));
  writer->run("CREATE TABLE t (a int)");
  writer->run("INSERT INTO t VALUES (1)");
  const auto reader = session_in(place);
  reader->run("SET TRANSACTION ISOLATION LEVEL SNAPSHOT");
  reader->run("BEGIN TRANSACTION");
  EXPECT_EQ(reader->value("SELECT COUNT(*) FROM t"), "1");
  writer->run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(reader->value("SELECT COUNT(*) FROM t"), "1");
  EXPECT_EQ(writer->value("SELECT COUNT(*) FROM t"), "2");
  reader->run("COMMIT TRANSACTION");
  EXPECT_EQ(reader->value("SELECT COUNT(*) FROM t"), "2");
}

TEST_F(SqlServerSession, EndsSoonAfterAStopRequest) {
  const model::Endpoint place = make("stopped");
  std::stop_source stop;
  const auto session = session_in(place, stop.get_token());
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  try {
    session->run(
        "SELECT COUNT_BIG(*) FROM sys.all_columns a CROSS JOIN sys.all_columns b CROSS JOIN "
        "sys.all_columns c");
    FAIL() << "nothing was stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled) << error.message();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_THROW(static_cast<void>(session->value("SELECT 1")), Error);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver::live

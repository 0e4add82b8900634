// SPDX-License-Identifier: Apache-2.0
// A session through ODBC, against a driver that says what a scenario tells it: values of every form
// and length, messages, errors as values, stops.
#include "engine/sqlserver/session.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <thread>

#include "contract/engine/sqlserver_fixture.h"
#include "engine/sqlserver/bulk_rows.h"
#include "engine/sqlserver/test_rows.h"

namespace holdfast::test {
namespace {

using engine::sqlserver::Fetch;
using engine::sqlserver::location_of;
using engine::sqlserver::Message;
using engine::sqlserver::Session;

class SqlServerSession : public testing::Test {
 protected:
  [[nodiscard]] Session open(std::stop_token stop = {}) const {
    const model::Endpoint endpoint = server_.endpoint();
    return Session(location_of(endpoint), endpoint.password.get(), true, std::move(stop));
  }
  const ScriptedServer server_{"session"};
};

TEST_F(SqlServerSession, TakesValuesOfEveryFormAndLength) {
  Session session = open();
  std::string long_text;
  for (int i = 0; i < 100'000; ++i) long_text += "zwölf";
  const auto texts = session.query("SELECT everything");
  ASSERT_EQ(texts.size(), 3U);
  EXPECT_EQ(texts[0][0], "grün 𝄞");
  EXPECT_EQ(texts[0][1], "1");
  EXPECT_EQ(texts[0][2], "9007199254740993");
  EXPECT_EQ(texts[0][5], long_text);
  EXPECT_EQ(texts[0][6]->size(), 4U * 300'000);
  EXPECT_EQ(texts[1][0], "");
  for (std::size_t i = 1; i < 7; ++i) EXPECT_FALSE(texts[1][i].has_value()) << i;
  EXPECT_EQ(texts[2][5], "");
  EXPECT_EQ(texts[2][6], "");
  const std::array forms{Fetch::text,  Fetch::text, Fetch::text, Fetch::real,
                         Fetch::bytes, Fetch::text, Fetch::bytes};
  auto rows = session.stream("SELECT everything", forms);
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.real(3), 0.5);
  EXPECT_EQ(rows.field(4), std::string_view("\x00\xff\x10", 3));
  EXPECT_EQ(rows.field(5), long_text);
  EXPECT_EQ(rows.field(6).size(), 600'000U);
  ASSERT_TRUE(rows.next());
  EXPECT_TRUE(rows.is_null(3));
  EXPECT_TRUE(rows.is_null(6));
  ASSERT_TRUE(rows.next());
  EXPECT_EQ(rows.real(3), -2.25);
  EXPECT_FALSE(rows.is_null(4));
  EXPECT_EQ(rows.field(4).size(), 0U);
  EXPECT_FALSE(rows.next());
}

TEST_F(SqlServerSession, HearsEveryMessageAndGoesToTheVeryEnd) {
  Session session = open();
  std::vector<int> heard;
  session.run("messages", [&](const Message& message) { heard.push_back(message.number); });
  EXPECT_EQ(heard, (std::vector<int>{50, 51}));
  EXPECT_TRUE(server_.is_set("got to the end"));
  EXPECT_EQ(session.change("messages"), 3U);
}

TEST_F(SqlServerSession, GivesErrorsAsValuesInTheirOrder) {
  Session session = open();
  const auto errors = session.try_run("two errors");
  ASSERT_EQ(errors.size(), 2U);
  EXPECT_EQ(errors[0].number, 3201);
  EXPECT_EQ(errors[0].text, "first");
  EXPECT_EQ(errors[1].number, 3013);
  const Error late = refusal_of([&] { static_cast<void>(session.query("late error")); });
  EXPECT_TRUE(has(late.what(), "8134")) << late.what();
  EXPECT_EQ(session.value("once"), "1");
  EXPECT_EQ(session.value("once"), "2");
}

TEST_F(SqlServerSession, CancelsWhatRunsWhenItIsStopped) {
  std::stop_source stop;
  Session session = open(stop.get_token());
  std::jthread later([&] {
    while (!server_.is_set("hanging")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop.request_stop();
  });
  const Error refused = refusal_of([&] { session.run("for ever"); });
  EXPECT_EQ(refused.code(), Errc::cancelled);
  EXPECT_TRUE(server_.was_asked("CANCELLED for ever"));
}

TEST_F(SqlServerSession, SaysWhoIsNotLetInAndWhatIsNotThere) {
  model::Endpoint endpoint = server_.endpoint();
  endpoint.password = std::make_shared<Secret>(std::string("wrong"));
  const Error denied = refusal_of(
      [&] { const Session session(location_of(endpoint), endpoint.password.get(), true); });
  EXPECT_EQ(denied.code(), Errc::denied) << denied.what();
  endpoint = server_.endpoint();
  endpoint.uri.replace(endpoint.uri.find("/Shop"), 5, "/Other");
  const Error missing = refusal_of(
      [&] { const Session session(location_of(endpoint), endpoint.password.get(), true); });
  EXPECT_EQ(missing.code(), Errc::not_found) << missing.what();
  Session session = open();
  EXPECT_EQ(refusal_of([&] { session.run("gone"); }).code(), Errc::unavailable);
}

TEST_F(SqlServerSession, SaysThatItWasEnded) {
  Session session = open();
  const Error killed = refusal_of([&] { session.run("killed"); });
  EXPECT_EQ(killed.code(), Errc::unavailable) << killed.what();
  EXPECT_TRUE(has(killed.message(), "the connection is gone: 596")) << killed.what();
  EXPECT_TRUE(has(killed.hint(), "ended the session")) << killed.what();
}

TEST_F(SqlServerSession, BlamesRowsOnlyWhereTheServerSaysSo) {
  using namespace engine::sqlserver;
  const auto refusal = [&](const char* name) {
    SqlTable table;
    table.name = {"dbo", name};
    table.columns = {engine::sqlserver::test::column_of("int")};
    RowBatch batch;
    add_row(batch, table, {model::Value::integer(1)});
    Session session = open();
    BulkRows rows(session, table);
    return refusal_of([&] { rows.insert(batch, {}); });
  };
  const Error killed = refusal("killed"), unexplained = refusal("unexplained");
  EXPECT_EQ(killed.code(), Errc::unavailable) << killed.what();
  EXPECT_TRUE(has(killed.message(), "the connection is gone: 596")) << killed.what();
  EXPECT_EQ(unexplained.code(), Errc::io) << unexplained.what();
  const Error refused = refusal("refused");
  EXPECT_EQ(refused.code(), Errc::differs) << refused.what();
  EXPECT_TRUE(has(refused.message(), "8115")) << refused.what();
}

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// Rows into a server that speaks TDS and out of it again, if one is named: contract/engine/
// sqlserver_server.h.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "contract/engine/sqlserver_server.h"
#include "engine/sqlserver/design.h"
#include "engine/sqlserver/new_rows.h"
#include "engine/sqlserver/new_tables.h"
#include "engine/sqlserver/row_reader.h"
#include "engine/sqlserver/test_rows.h"

namespace holdfast::test {
namespace {

using namespace engine::sqlserver;
using engine::sqlserver::test::typed_columns;
using engine::sqlserver::test::typed_rows;
using engine::sqlserver::test::TypedColumn;
using model::Row;
using model::Value;
using model::ValueKind;

class Kept final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override { count_ = columns.size(); }
  void row(const Row& row) override {
    EXPECT_EQ(row.size(), count_);
    hasher_.add(row);
  }
  std::string digest() {
    return fmt::format("{} {}", hasher_.digest().rows(), hasher_.digest().hex());
  }

 private:
  std::size_t count_ = 0;
  model::RowHasher hasher_;
};

class SqlServerRows : public testing::Test {
 protected:
  void SetUp() override {
    const auto server = sqlserver_named();
    if (!server) GTEST_SKIP() << no_sqlserver;
    database_.emplace(*server, "holdfast_rows");
    session_ = database_->session();
    is_sql_server_ = session_->value("SELECT @@VERSION").starts_with("Microsoft SQL Server");
  }
  void make(const SqlTable& table) {
    std::string columns;
    for (const SqlColumn& column : table.columns)
      columns += fmt::format("{}{} {}", columns.empty() ? "" : ", ", identifier(column.name),
                             column.declared());
    session_->run(fmt::format("CREATE TABLE {} ({})", identifier(table.name.table), columns));
  }
  std::string there(const SqlTable& table) {
    Kept kept;
    read_rows(*session_, table, kept, {});
    return kept.digest();
  }
  void give(const SqlTable& table, const std::vector<Row>& rows, Commit commit) {
    NewRows into(database_->session(), table, commit, {});
    for (const Row& row : rows) into.row(row);
    into.finish();
  }
  static std::string digest_of(const std::vector<Row>& rows) {
    Kept kept;
    kept.columns(std::vector<model::Column>(rows.at(0).size()));
    for (const Row& row : rows) kept.row(row);
    return kept.digest();
  }

  std::optional<SqlServerDatabase> database_;
  std::unique_ptr<Session> session_;
  bool is_sql_server_ = false;
};

TEST_F(SqlServerRows, OfEveryTypeComeBackAsTheyWereGiven) {
  for (const TypedColumn& one : typed_columns(is_sql_server_)) {
    auto [table, rows] = typed_rows({one});
    table.name.table = "of " + one.column.name;
    try {
      make(table);
      give(table, rows, Commit::at_end);
      EXPECT_EQ(there(table), digest_of(rows)) << one.column.declared();
    } catch (const Error& error) {
      ADD_FAILURE() << one.column.declared() << ": " << error.what();
    }
  }
}

TEST_F(SqlServerRows, OfManyColumnsAndManyStatementsComeBack) {
  auto [table, rows] = typed_rows(typed_columns(is_sql_server_));
  const std::size_t few = rows.size();
  while (rows.size() < 20 * few) rows.push_back(rows[rows.size() % few]);
  make(table);
  give(table, rows, Commit::as_rows_come);
  EXPECT_EQ(there(table), digest_of(rows));
}

TEST_F(SqlServerRows, WiderThanAnyBufferComeBack) {
  SqlTable table;
  table.name = {"dbo", "wide"};
  table.columns = {engine::sqlserver::test::column_of("int"),
                   engine::sqlserver::test::column_of("varbinary")};
  table.columns[1].is_max = true;
  const auto bytes = [](std::size_t size) {
    return Value::of_kind(ValueKind::bytes, std::string(size, '\x5a'));
  };
  const std::vector<Row> rows{{Value::integer(1), bytes(24U << 20U)},
                              {Value::integer(2), bytes(3)},
                              {Value::integer(3), bytes(9U << 20U)},
                              {Value::integer(4), Value::null()}};
  make(table);
  give(table, rows, Commit::as_rows_come);
  EXPECT_EQ(there(table), digest_of(rows));
}

TEST_F(SqlServerRows, FillTablesThatWereDesignedForThem) {
  const auto column = [](const char* name, ValueKind kind, std::uint64_t length = 0) {
    model::ColumnDefinition one;
    one.name = name;
    one.type = "T";
    one.kind = kind;
    if (length > 0) one.length = length;
    one.fraction_digits = 6;
    return one;
  };
  model::TableDefinition of_others;
  of_others.name.table = "Of others";
  of_others.columns = {column("key", ValueKind::text, 20), column("n", ValueKind::number),
                       column("real", ValueKind::real),    column("raw", ValueKind::bytes),
                       column("day", ValueKind::date),     column("at", ValueKind::timestamp),
                       column("other", ValueKind::other),  column("some", ValueKind::text, 5)};
  of_others.columns[0].is_nullable = false;
  of_others.columns[1].precision = 20;
  of_others.columns[1].scale = 4;
  of_others.primary_key = {"key"};
  of_others.unique = {{"some"}};
  const auto tables =
      design_tables(std::vector{of_others}, Dialect{.is_sql_server = is_sql_server_, .major = 16});
  // Keys that only a binary collation tells apart.
  std::vector<Row> rows;
  for (const char* const key : {"a", "A", "\xc3\xa4", "\xc3\x84", "ss", "\xc3\x9f"})
    rows.push_back({Value::of_text(key), Value::number("1.5"), Value::of_real(0.1),
                    Value::of_kind(ValueKind::bytes, "\x01"),
                    Value::of_kind(ValueKind::date, "0001-01-01"),
                    Value::of_kind(ValueKind::timestamp, "9999-12-31T23:59:59.999999"),
                    Value::of_text("x"), Value::null()});
  std::vector<Json> changes;
  engine::LoadOptions options;
  options.before_change = [&](std::string_view, const Json& undo) { changes.push_back(undo); };
  {
    const auto filling = make_filling(database_->endpoint(), tables, options, {});
    const auto into = filling->rows(0);
    for (const Row& row : rows) into->row(row);
    into->finish();
    filling->finish();
  }
  SqlTable made;
  made.name = {session_->value("SELECT SCHEMA_NAME()"), "Of others"};
  const auto typed = [&](const char* name, const char* type, unsigned length, unsigned scale) {
    SqlColumn one = engine::sqlserver::test::column_of(type, length, 20, scale);
    one.name = name;
    made.columns.push_back(one);
  };
  typed("key", "nvarchar", 20, 0);
  typed("n", "decimal", 1, 4);
  typed("real", "float", 1, 0);
  typed("raw", "varbinary", 100, 0);
  typed("day", "date", 1, 0);
  typed("at", "datetime2", 1, 6);
  typed("other", "nvarchar", 100, 0);
  typed("some", "nvarchar", 10, 0);
  EXPECT_EQ(there(made), digest_of(rows));
  ASSERT_EQ(changes.size(), 1U);
  undo_new_tables(changes[0], database_->endpoint());
  undo_new_tables(changes[0], database_->endpoint());
  EXPECT_THROW(static_cast<void>(there(made)), Error);
}

}  // namespace
}  // namespace holdfast::test

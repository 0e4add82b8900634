// SPDX-License-Identifier: Apache-2.0
// What the contract of Engine::fill does not say: of a database that is there, all or nothing.
#include "engine/sqlite/new_tables.h"

#include <cmath>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using model::Value;

class NewTables : public SqliteTest {
 protected:
  std::unique_ptr<Filling> fill(const std::string& name) {
    model::NewTable table;
    table.name.table = "t";
    table.columns = {"a", "b"};
    table.make = {"CREATE TABLE t (a REAL, b INTEGER)"};
    LoadOptions options;
    options.before_change = [this](std::string_view, const Json& undo) {
      changes_.push_back(undo);
    };
    return make_filling(path(name), std::vector{table}, options, {});
  }
  static void give(Filling& filling, const model::Row& row) {
    const auto rows = filling.rows(0);
    rows->row(row);
    rows->finish();
  }
  std::vector<Json> changes_;
};

TEST_F(NewTables, LeaveNothingInADatabaseThatIsThereUnlessTheyAreFinished) {
  make("db", "CREATE TABLE mine (a)");
  give(*fill("db"), {Value::of_real(0.5), Value::integer(1)});
  EXPECT_TRUE(changes_.empty());
  EXPECT_EQ(text("db", "SELECT group_concat(name) FROM sqlite_schema"), "mine");
  EXPECT_EQ(names(), std::vector<std::string>{"db"});
}

TEST_F(NewTables, AreTakenAwayOnlyIfTheyAreStillThoseThatWereMade) {
  make("db", "CREATE TABLE mine (a)");
  {
    const auto filling = fill("db");
    give(*filling, {Value::of_real(0.5), Value::integer(1)});
    filling->finish();
  }
  ASSERT_EQ(changes_.size(), 1U);
  EXPECT_TRUE(is_of_new_tables(changes_[0]));
  make("db", "ALTER TABLE t RENAME TO kept; CREATE TABLE t (other)");
  undo_new_tables(changes_[0]);
  EXPECT_EQ(
      text("db", "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema ORDER BY 1)"),
      "kept,mine,t");
  make("db", "DROP TABLE t; DROP TABLE kept; CREATE TABLE t (a REAL, b INTEGER)");
  undo_new_tables(changes_[0]);
  EXPECT_EQ(text("db", "SELECT group_concat(name) FROM sqlite_schema"), "mine");
}

TEST_F(NewTables, RefuseWhatSqliteWouldKeepAsSomethingElse) {
  const auto filling = fill("new");
  EXPECT_EQ(code_of([&] {
              give(*filling, {Value::of_real(std::nan("")), Value::null()});
            }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] {
              give(*filling, {Value::null(), Value::number("0.5")});
            }),
            Errc::unsupported);
  EXPECT_EQ(code_of([&] {
              give(*filling, {Value::null(), Value::number("9223372036854775808")});
            }),
            Errc::unsupported);
  give(*filling, {Value::of_real(-INFINITY), Value::number("-9223372036854775808")});
  filling->finish();
  EXPECT_EQ(text("new", "SELECT count(*) || ' ' || a || ' ' || b FROM t"),
            "1 -Inf -9223372036854775808");
}

}  // namespace
}  // namespace holdfast::engine::sqlite

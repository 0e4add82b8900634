// SPDX-License-Identifier: Apache-2.0
#include "engine/table_design.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using model::ColumnDefinition;
using model::TableDefinition;
using model::ValueKind;

ColumnDefinition column(std::string name, std::string type = "T") {
  ColumnDefinition one;
  one.name = std::move(name);
  one.type = std::move(type);
  return one;
}

TableDefinition table(std::string schema, std::string name, std::vector<ColumnDefinition> columns) {
  TableDefinition one;
  one.name = {std::move(schema), std::move(name)};
  one.columns = std::move(columns);
  return one;
}

class TableDesign : public testing::Test {
 protected:
  TableDesign() {
    rules_.where = "Testbase";
    rules_.column = [](const ColumnDefinition& column, bool /*is_key*/) {
      ColumnDesign design{"t", held_as_given(column, 0)};
      if (column.type == "BAD") design.refusal = "there is no such thing";
      return design;
    };
    rules_.write = [this](const TableDefinition&, const std::vector<std::string>&,
                          model::NewTable&) { ++written_; };
  }
  std::string refusal(const std::vector<TableDefinition>& tables) {
    try {
      static_cast<void>(design_tables(tables, rules_));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      return error.message();
    }
    return "";
  }

  DesignRules rules_;
  int written_ = 0;
};

TEST_F(TableDesign, NamesEverythingWithoutCounterpartAtOnce) {
  ColumnDefinition obstacle = column("pic", "BFILE");
  obstacle.obstacle = "its content is elsewhere";
  EXPECT_EQ(refusal({table("a", "one", {column("x", "BAD"), column("y"), obstacle}),
                     table("a", "two", {column("z", "BAD")})}),
            "Testbase has no exact counterpart for "
            "table a.one, column x (BAD): there is no such thing; "
            "table a.one, column pic (BFILE): its content is elsewhere; "
            "table a.two, column z (BAD): there is no such thing");
}

TEST_F(TableDesign, NamesTablesThatFallTogetherWithoutTheirSchemas) {
  EXPECT_EQ(
      refusal({table("a", "one", {column("x")}), table("b", "one", {column("x")})}),
      "Testbase has no exact counterpart for table b.one: would have the name of table a.one");
  const std::vector<TableDefinition> cases{table("a", "One", {column("x"), column("X")}),
                                           table("a", "one", {column("x")})};
  EXPECT_EQ(refusal(cases), "");
  rules_.names.folds_tables = rules_.names.folds_columns = true;
  EXPECT_EQ(refusal(cases),
            "Testbase has no exact counterpart for "
            "table a.One, column X (T): would have the name of another column; "
            "table a.one: would have the name of table a.One");
}

TEST_F(TableDesign, NamesWhatIsTooLong) {
  rules_.names.bytes_max = 3;
  EXPECT_EQ(refusal({table("", "four", {column("abc"), column("äö")})}),
            "Testbase has no exact counterpart for table four: the name has 4 bytes, 3 at most are "
            "taken; table four, column äö (T): the name has 4 bytes, 3 at most are taken");
  rules_.names = {.characters_max = 3};
  EXPECT_EQ(refusal({table("", "äöü", {column("abc")})}), "");
}

TEST_F(TableDesign, RefusesATableWithoutColumns) {
  EXPECT_EQ(refusal({table("", "none", {})}),
            "Testbase has no exact counterpart for table none: has no columns");
}

TEST_F(TableDesign, KeepsNamesButForTheirSchema) {
  const auto made = design_tables(std::vector{table("a", "T", {column("x"), column("y")})}, rules_);
  ASSERT_EQ(made.size(), 1U);
  EXPECT_EQ(made[0].name, (model::TableName{"", "T"}));
  EXPECT_EQ(made[0].columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(made[0].held.size(), 2U);
  EXPECT_EQ(written_, 1);
}

TEST_F(TableDesign, CountsTheDigitsOfNumbers) {
  const auto digits = [](std::optional<unsigned> precision, std::optional<int> scale) {
    ColumnDefinition one;
    one.precision = precision;
    one.scale = scale;
    const auto found = digits_of(one);
    return found ? std::pair(found->count, found->scale) : std::pair(0U, 99U);
  };
  EXPECT_EQ(digits(10, 2), std::pair(10U, 2U));
  EXPECT_EQ(digits(3, 5), std::pair(5U, 5U));
  EXPECT_EQ(digits(3, -2), std::pair(5U, 0U));
  EXPECT_EQ(digits({}, {}), std::pair(0U, 99U));
  EXPECT_EQ(digits(126, {}), std::pair(0U, 99U));
  EXPECT_EQ(digits({}, 0), std::pair(0U, 99U));
}

TEST_F(TableDesign, SaysWhatOfAMomentIsKept) {
  ColumnDefinition moment;
  moment.kind = ValueKind::timestamp;
  moment.fraction_digits = 9;
  EXPECT_EQ(held_as_given(moment, 6).fraction_digits_max, 6U);
  EXPECT_EQ(held_as_given(moment, 6).note, "with 6 digits of a second at most");
  EXPECT_EQ(held_as_given(moment, 9).note, "");
  EXPECT_EQ(held_as_text(moment).fraction_digits_max, 9U);
}

}  // namespace
}  // namespace holdfast::engine

// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/design.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

using model::ColumnDefinition;
using model::TableDefinition;
using model::ValueKind;

TableDefinition every_kind() {
  TableDefinition table;
  table.name = {"FMEMC", "Every \"Kind\""};
  const auto add = [&](const char* name, ValueKind kind) -> ColumnDefinition& {
    ColumnDefinition one;
    one.name = name;
    one.kind = kind;
    table.columns.push_back(one);
    return table.columns.back();
  };
  const auto number = [&](const char* name, unsigned precision, int scale) {
    ColumnDefinition& one = add(name, ValueKind::number);
    one.precision = precision;
    one.scale = scale;
  };
  number("ID", 4, 0);
  table.columns[0].is_nullable = false;
  number("n9", 9, 0);
  number("n18", 18, 0);
  number("n19", 19, 0);
  number("n10,2", 10, 2);
  number("n3,5", 3, 5);
  number("n16,-2", 16, -2);
  add("any", ValueKind::number);
  add("real", ValueKind::real);
  add("padded", ValueKind::text).length = 10;
  table.columns.back().is_padded = true;
  add("clob", ValueKind::text);
  add("blob", ValueKind::bytes);
  add("day", ValueKind::date);
  add("clock", ValueKind::time).fraction_digits = 3;
  add("moment", ValueKind::timestamp);
  add("instant", ValueKind::instant).fraction_digits = 9;
  add("span", ValueKind::other);
  table.primary_key = {"ID"};
  table.unique = {{"n9", "padded"}};
  return table;
}

TEST(PostgresqlDesign, HasATypeForEveryKind) {
  const auto tables = design_tables(std::vector{every_kind()});
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].make,
            std::vector<std::string>{
                "CREATE TABLE \"Every \"\"Kind\"\"\" (\"ID\" smallint NOT NULL, \"n9\" integer, "
                "\"n18\" bigint, \"n19\" numeric(19,0), \"n10,2\" numeric(10,2), \"n3,5\" "
                "numeric(5,5), \"n16,-2\" bigint, \"any\" numeric, \"real\" double precision, "
                "\"padded\" varchar(10), \"clob\" text, \"blob\" bytea, \"day\" date, \"clock\" "
                "time(3) without time zone, \"moment\" timestamp(0) without time zone, \"instant\" "
                "timestamp(6) with time zone, \"span\" text)"});
  EXPECT_EQ(tables[0].complete,
            (std::vector<std::string>{
                "ALTER TABLE \"Every \"\"Kind\"\"\" ADD PRIMARY KEY (\"ID\")",
                "ALTER TABLE \"Every \"\"Kind\"\"\" ADD UNIQUE (\"n9\", \"padded\")"}));
}

TEST(PostgresqlDesign, HoldsEveryKindAsItIsButForWhatHasNoType) {
  const TableDefinition table = every_kind();
  const auto tables = design_tables(std::vector{table});
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const ColumnDefinition& column = table.columns[i];
    const model::HeldColumn& held = tables[0].held[i];
    const bool is_other = column.kind == ValueKind::other;
    EXPECT_EQ(held.kind, is_other ? ValueKind::text : column.kind) << column.name;
    const bool has_note = is_other || column.name == "instant";
    EXPECT_EQ(!held.note.empty(), has_note) << column.name;
    EXPECT_EQ(held.takes_nul, !is_other && column.kind != ValueKind::text) << column.name;
    EXPECT_FALSE(held.takes_raw);
  }
  EXPECT_EQ(tables[0].held.back().note, "as text, which is that of each value exactly");
}

TEST(PostgresqlDesign, RefusesANameThatTheServerWouldCut) {
  TableDefinition table = every_kind();
  table.name.table = std::string(64, 'x');
  EXPECT_THROW(static_cast<void>(design_tables(std::vector{table})), Error);
  table.name.table.pop_back();
  EXPECT_EQ(design_tables(std::vector{table}).size(), 1U);
}

}  // namespace
}  // namespace holdfast::engine::postgresql

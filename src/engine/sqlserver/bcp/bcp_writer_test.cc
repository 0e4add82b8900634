// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_writer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/test_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;
using test::column_of;

Bytes written(const SqlTable& table, const std::vector<Row>& rows) {
  BytesSink sink;
  BcpWriter writer(sink, table);
  for (const Row& row : rows) writer.row(row);
  writer.finish();
  EXPECT_EQ(writer.rows(), rows.size());
  return std::move(sink.bytes);
}

std::vector<Row> read_again(const SqlTable& table, ByteView stored) {
  BytesSource source(stored);
  BcpReader reader(source, table, {});
  std::vector<Row> rows;
  for (Row row; reader.next(row);) rows.push_back(row);
  return rows;
}

std::string shown(const Value& value) {
  if (value.kind == ValueKind::real) return fmt::format("real {}", value.real);
  const std::string text =
      value.kind == ValueKind::bytes ? to_hex(as_bytes(value.text)) : value.text;
  return fmt::format("{} {}", model::value_kind_name(value.kind), text.substr(0, 100));
}

TEST(BcpWriter, WritesWhatIsReadAgainOfEveryType) {
  for (test::TypedColumn& one : test::typed_columns()) {
    const auto [table, rows] = test::typed_rows({one});
    const std::vector<Row> again = read_again(table, written(table, rows));
    ASSERT_EQ(again.size(), rows.size()) << one.column.declared();
    for (std::size_t i = 0; i < rows.size(); ++i)
      EXPECT_EQ(shown(again[i][0]), shown(rows[i][0])) << one.column.declared();
    one.column.is_nullable = false;
    const auto [strict, more] = test::typed_rows({one});
    const std::vector<Row> full(more.begin(), more.end() - 1);
    EXPECT_EQ(read_again(strict, written(strict, full)), full) << one.column.declared();
    EXPECT_THROW(static_cast<void>(written(strict, {{Value::null()}})), Error);
  }
}

TEST(BcpWriter, WritesRowsOfManyColumns) {
  const auto [table, rows] = test::typed_rows(test::typed_columns());
  EXPECT_EQ(read_again(table, written(table, rows)), rows);
}

TEST(BcpWriter, WritesTheBytesThatPackagesHave) {
  const auto stored = [](SqlColumn column, const Value& value, bool is_nullable = true) {
    SqlTable table;
    column.is_nullable = is_nullable;
    table.columns = {column};
    return to_hex(written(table, {{value}}));
  };
  EXPECT_EQ(stored(column_of("int"), Value::integer(1)), "0401000000");
  EXPECT_EQ(stored(column_of("int"), Value::integer(-2), false), "feffffff");
  EXPECT_EQ(stored(column_of("int"), Value::null()), "ff");
  EXPECT_EQ(stored(column_of("money"), Value::number("1.23")), "08000000000c300000");
  EXPECT_EQ(stored(column_of("decimal", 1, 5, 2), Value::number("-12.5")),
            "1305020"
            "0e204" +
                std::string(28, '0'));
  EXPECT_EQ(stored(column_of("nvarchar", 3), Value::of_text("\xe2\x82\xac")), "0200ac20");
  EXPECT_EQ(stored(column_of("sql_variant"), Value::null()), "00000000");
  EXPECT_EQ(stored(column_of("sql_variant"), Value::of_kind(ValueKind::other, "int 7")),
            "06000000380007000000");
  // A char that is NOT NULL has no length, and so its own.
  EXPECT_EQ(stored(column_of("char", 3), Value::of_text("a"), false), "610020002000");
}

TEST(BcpWriter, RefusesWhatNoSuchColumnHas) {
  const auto refused = [](const SqlColumn& column, const Value& value) {
    SqlTable table;
    table.name = {"dbo", "t"};
    table.columns = {column};
    try {
      static_cast<void>(written(table, {{value}}));
      return std::string("written");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::unsupported);
      return error.message();
    }
  };
  EXPECT_EQ(refused(column_of("tinyint"), Value::integer(256)),
            "number 256 is no tinyint (while storing row 1, column c_tinyint of dbo.t)");
  EXPECT_NE(refused(column_of("bit"), Value::integer(2)), "written");
  EXPECT_NE(refused(column_of("smallint"), Value::integer(32768)), "written");
  EXPECT_NE(refused(column_of("bigint"), Value::number("9223372036854775808")), "written");
  EXPECT_NE(refused(column_of("int"), Value::number("1.5")), "written");
  EXPECT_NE(refused(column_of("int"), Value::of_text("1")), "written");
  EXPECT_NE(refused(column_of("decimal", 1, 5, 2), Value::number("0.001")), "written");
  EXPECT_NE(refused(column_of("money"), Value::number("922337203685477.5808")), "written");
  EXPECT_NE(refused(column_of("money"), Value::number("0.00001")), "written");
  EXPECT_NE(refused(column_of("real"), Value::of_real(0.1)), "written");
  EXPECT_NE(refused(column_of("float"), Value::of_real(std::numeric_limits<double>::infinity())),
            "written");
  const auto stamp = [](const char* at) { return Value::of_kind(ValueKind::timestamp, at); };
  EXPECT_NE(refused(column_of("datetime"), stamp("2003-02-01T11:22:33.001")), "written");
  EXPECT_NE(refused(column_of("datetime"), stamp("1752-12-31T00:00:00")), "written");
  EXPECT_NE(refused(column_of("smalldatetime"), stamp("2003-02-01T11:22:33")), "written");
  EXPECT_NE(refused(column_of("smalldatetime"), stamp("2079-06-07T00:00:00")), "written");
  EXPECT_NE(refused(column_of("datetime2", 1, 18, 3), stamp("2003-02-01T11:22:33.0001")),
            "written");
  EXPECT_NE(refused(column_of("datetime2", 1, 18, 7), stamp("2003-02-01T11:22:33.00000001")),
            "written");
  EXPECT_NE(refused(column_of("date"), Value::of_kind(ValueKind::date, "2003-02-29")), "written");
  EXPECT_NE(refused(column_of("date"), Value::of_kind(ValueKind::date, "-0001-02-01")), "written");
  EXPECT_NE(refused(column_of("time", 1, 18, 7), Value::of_kind(ValueKind::time, "24:00:00")),
            "written");
  EXPECT_NE(refused(column_of("nvarchar", 2), Value::of_text("abc")), "written");
  EXPECT_NE(refused(column_of("uniqueidentifier"), Value::of_text("0011")), "written");
  EXPECT_NE(refused(column_of("binary", 2), Value::of_text("ab")), "written");
  EXPECT_NE(refused(column_of("sql_variant"), Value::of_kind(ValueKind::other, "what 7")),
            "written");
}

// Each third of a hundredth of a second is shown as a millisecond of its own, and found again.
TEST(BcpWriter, FindsEveryFractionOfADatetimeAgain) {
  const SqlColumn column = column_of("datetime");
  for (std::uint32_t thirds = 0; thirds < 900; ++thirds) {
    for (const std::uint32_t before : {0U, 25'919'100U}) {
      Bytes stored(8), again;
      store_le32(stored.data(), static_cast<std::uint32_t>(-53'690));
      store_le32(stored.data() + 4, before + thirds);
      Value value;
      ASSERT_TRUE(decode_bcp(column, stored, value));
      encode_bcp(again, column, value);
      EXPECT_EQ(to_hex(again), to_hex(stored)) << value.text;
    }
  }
}

// More than the writer's window, cut within no character.
TEST(BcpWriter, WritesLongTextInPieces) {
  SqlTable table;
  table.columns = {column_of("nvarchar")};
  table.columns[0].is_max = true;
  std::string text = "x";
  while (text.size() < 500'000) text += "\xf0\x9f\x98\x80\xe2\x82\xac";
  const std::vector<Row> rows{{Value::of_text(text)}, {Value::of_text("")}};
  EXPECT_EQ(read_again(table, written(table, rows)), rows);
}

TEST(Variants, AreATypeAndAValue) {
  const auto parts = [](std::string_view text) {
    const auto found = variant_of(text);
    return found ? found->column.declared() + "|" + shown(found->value) : std::string("none");
  };
  EXPECT_EQ(parts("numeric(5,2) 12.5"), "numeric(5,2)|number 12.5");
  EXPECT_EQ(parts("varchar(26) a b"), "varchar(26)|text a b");
  EXPECT_EQ(parts("varchar(26) "), "varchar(26)|text ");
  EXPECT_EQ(parts("time(2) 00:00:00.01"), "time(2)|time 00:00:00.01");
  EXPECT_EQ(parts("varbinary(8) 0x00ff"), "varbinary(8)|bytes 00ff");
  EXPECT_EQ(parts("float 0.1"), "float|real 0.1");
  EXPECT_EQ(parts("int"), "none");
  EXPECT_EQ(parts("what 5"), "none");
  EXPECT_EQ(parts("numeric(5 12"), "none");
  EXPECT_EQ(parts("int(5) 12"), "none");
  EXPECT_EQ(parts("varbinary(8) 0x0"), "none");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

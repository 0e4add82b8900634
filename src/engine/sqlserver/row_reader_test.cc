// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/row_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>

#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_encode.h"
#include "engine/sqlserver/test_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;
using test::column_of;

std::string utf16(std::string_view utf8) {
  Bytes units;
  EXPECT_TRUE(append_utf16(units, utf8));
  return std::string(as_text(units));
}

// "kind text", or why it is none.
std::string value_of(const SqlColumn& column, const std::vector<std::string>& fields) {
  const std::vector<std::string_view> views(fields.begin(), fields.end());
  Value value;
  try {
    const bool is_whole = set_value(value, column, views);
    const std::string text = value.kind == ValueKind::real    ? fmt::format("{}", value.real)
                             : value.kind == ValueKind::bytes ? to_hex(as_bytes(value.text))
                                                              : value.text;
    return fmt::format("{} {}{}", model::value_kind_name(value.kind), text, is_whole ? "" : " ?");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.message();
  }
}

std::string selected(const SqlColumn& column) {
  std::string all;
  for (const Selected& one : selected_of(column)) all += (all.empty() ? "" : ", ") + one.expression;
  return all;
}

TEST(RowReader, SelectsWhatLosesNothing) {
  EXPECT_EQ(selected(column_of("int")), "[c_int]");
  EXPECT_EQ(selected(column_of("money")), "CONVERT(decimal(19,4),[c_money])");
  EXPECT_EQ(selected(column_of("datetime2", 1, 18, 7)), "CONVERT(varchar(40),[c_datetime2],121)");
  EXPECT_EQ(selected(column_of("nvarchar", 20)), "[c_nvarchar]");
  EXPECT_EQ(selected(column_of("varchar", 20)), "CONVERT(nvarchar(20),[c_varchar])");
  EXPECT_EQ(selected(column_of("varchar", 8000)), "CONVERT(nvarchar(max),[c_varchar])");
  EXPECT_EQ(selected(column_of("text")), "CONVERT(nvarchar(max),CONVERT(varchar(max),[c_text]))");
  EXPECT_EQ(selected(column_of("geography")), "CONVERT(varbinary(max),[c_geography])");
  EXPECT_EQ(selected_of(column_of("float"))[0].fetch, Fetch::real);
  EXPECT_EQ(selected_of(column_of("nvarchar", 20))[0].fetch, Fetch::bytes);
  EXPECT_EQ(selected_of(column_of("sql_variant")).size(), 6U);
}

TEST(RowReader, ReadsNumbersOfAnyForm) {
  const SqlColumn decimal = column_of("decimal", 1, 5, 2);
  EXPECT_EQ(value_of(decimal, {"12.50"}), "number 12.5");
  EXPECT_EQ(value_of(decimal, {"-0.00"}), "number 0");
  EXPECT_EQ(value_of(decimal, {".50"}), "number 0.5");
  EXPECT_EQ(value_of(decimal, {"-.05"}), "number -0.05");
  EXPECT_EQ(value_of(decimal, {"007"}), "number 7");
  EXPECT_EQ(value_of(decimal, {"1e5"}), "`1e5` is no decimal(5,2)");
  EXPECT_EQ(value_of(decimal, {""}), "`` is no decimal(5,2)");
  EXPECT_EQ(value_of(decimal, {"1."}), "`1.` is no decimal(5,2)");
  EXPECT_EQ(value_of(column_of("bit"), {"1"}), "number 1");
  const auto raw = std::bit_cast<std::array<char, 8>>(0.1);
  EXPECT_EQ(value_of(column_of("float"), {std::string(raw.data(), raw.size())}), "real 0.1");
}

TEST(RowReader, ReadsMomentsAsPackagesHaveThem) {
  EXPECT_EQ(value_of(column_of("date"), {"0001-01-01"}), "date 0001-01-01");
  EXPECT_EQ(value_of(column_of("time", 1, 18, 7), {"11:22:33.1200000"}), "time 11:22:33.12");
  EXPECT_EQ(value_of(column_of("datetime"), {"2003-02-01 11:22:33.000"}),
            "timestamp 2003-02-01T11:22:33");
  EXPECT_EQ(value_of(column_of("datetime2", 1, 18, 7), {"2003-02-01T11:22:33.1234567"}),
            "timestamp 2003-02-01T11:22:33.1234567");
  EXPECT_EQ(value_of(column_of("datetimeoffset", 1, 18, 7), {"2003-02-01 11:22:33.12 +04:55"}),
            "other 2003-02-01 11:22:33.1200000 +04:55");
  EXPECT_EQ(value_of(column_of("datetimeoffset", 1, 18, 0), {"2003-02-01 11:22:33 -14:00"}),
            "other 2003-02-01 11:22:33 -14:00");
  EXPECT_NE(value_of(column_of("date"), {"1.2.2003"}).find("is no date"), std::string::npos);
  EXPECT_NE(value_of(column_of("datetime"), {"Feb 1 2003"}).find("is no"), std::string::npos);
  EXPECT_NE(value_of(column_of("date"), {"2003-02-01 00:00:00"}).find("is no"), std::string::npos);
}

TEST(RowReader, ReadsTextOfItsUnits) {
  const SqlColumn text = column_of("nvarchar", 20);
  EXPECT_EQ(value_of(text, {utf16("\xe2\x82\xac\xf0\x9f\x98\x80")}),
            "text \xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(value_of(text, {"\x3d\xd8"}), "bytes 3dd8 ?");
  SqlColumn filled = column_of("char", 4);
  EXPECT_EQ(value_of(filled, {utf16("ab")}), "text ab");
  filled.is_nullable = false;
  EXPECT_EQ(value_of(filled, {utf16("ab")}), "text ab  ");
  EXPECT_EQ(value_of(column_of("uniqueidentifier"), {"00112233-4455-6677-8899-aabbccddeeff"}),
            "text 00112233-4455-6677-8899-AABBCCDDEEFF");
  EXPECT_EQ(value_of(column_of("rowversion"), {std::string("\0\1", 2)}), "bytes 0001");
}

TEST(RowReader, ReadsVariantsAsPackagesHaveThem) {
  const SqlColumn variant = column_of("sql_variant");
  const auto read = [&](const char* base, const char* precision, const char* scale,
                        const char* length, const std::string& value) {
    return value_of(variant, {base, precision, scale, length, utf16(value), ""});
  };
  EXPECT_EQ(read("int", "10", "0", "4", "7"), "other int 7");
  EXPECT_EQ(read("numeric", "5", "2", "5", "12.50"), "other numeric(5,2) 12.5");
  EXPECT_EQ(read("varchar", "0", "0", "26", "it's \xc3\xa9"), "other varchar(26) it's \xc3\xa9");
  EXPECT_EQ(read("nvarchar", "0", "0", "40", "ab"), "other nvarchar(20) ab");
  EXPECT_EQ(value_of(variant, {"float", "53", "0", "8", "", "\x3f\xb9\x99\x99\x99\x99\x99\x9a"}),
            "other float 0.1");
  EXPECT_EQ(value_of(variant, {"real", "24", "0", "4", "", "\x3d\xcc\xcc\xcd"}), "other real 0.1");
  EXPECT_EQ(value_of(variant, {"varbinary", "0", "0", "8", "", "\xff"}), "other varbinary(8) 0xff");
  EXPECT_NE(value_of(variant, {"real", "24", "0", "4", "", ""}).find("is no real"),
            std::string::npos);
  EXPECT_EQ(read("money", "19", "4", "8", "1.5000"), "other money 1.5");
  EXPECT_EQ(read("time", "11", "2", "3", "00:00:00.0100000"), "other time(2) 00:00:00.01");
  EXPECT_NE(read("what", "0", "0", "8", "").find("is no sql_variant"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

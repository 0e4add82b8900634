// SPDX-License-Identifier: Apache-2.0
// A table with a column of every type, and rows with the edges of each, for tests.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/sqlserver/columns.h"
#include "model/value.h"

namespace holdfast::engine::sqlserver::test {

struct TypedColumn {
  SqlColumn column;
  std::vector<model::Value> values;  // not null
};

inline SqlColumn column_of(const std::string& type, unsigned length = 1, unsigned precision = 18,
                           unsigned scale = 0) {
  SqlColumn column;
  column.name = "c_" + type;
  column.type_name = type;
  column.type = sql_type(type);
  column.length = length;
  column.precision = precision;
  column.scale = scale;
  return column;
}

// `is_sql_server`: with what other servers that speak its protocol do not know.
inline std::vector<TypedColumn> typed_columns(bool is_sql_server = true) {
  using model::Value;
  using model::ValueKind;
  const auto number = [](const char* text) { return Value::number(text); };
  const auto text = [](std::string utf8) { return Value::of_text(utf8); };
  const auto bytes = [](std::string raw) {
    return Value::of_kind(ValueKind::bytes, std::move(raw));
  };
  const auto stamp = [](const char* at) { return Value::of_kind(ValueKind::timestamp, at); };
  const auto other = [](const char* shown) { return Value::of_kind(ValueKind::other, shown); };
  const std::string nines(38, '9');
  const auto max = [](SqlColumn column) {
    column.is_max = true;
    column.name += "_max";
    return column;
  };
  const auto date = [](const char* day) { return Value::of_kind(ValueKind::date, day); };
  const auto time = [](const char* at) { return Value::of_kind(ValueKind::time, at); };
  const std::string awkward = "it's [\\\n \\\r\n? {d} @p1 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ]]";
  std::string all(300, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i);
  // Of seven digits, one that is not 0 is more than others know.
  const unsigned digits = is_sql_server ? 7 : 6;
  const std::string fraction(is_sql_server ? "1234567" : "123456");
  const std::string last(is_sql_server ? "9999999" : "999999");
  std::vector<TypedColumn> columns{
      {column_of("bit"), {number("0"), number("1")}},
      {column_of("tinyint"), {number("0"), number("255")}},
      {column_of("smallint"), {number("-32768"), number("32767")}},
      {column_of("int"), {number("-2147483648"), number("2147483647")}},
      {column_of("bigint"), {number("-9223372036854775808"), number("9223372036854775807")}},
      {column_of("decimal", 1, 38, 38), {number(("-0." + nines).c_str()), number("0.5")}},
      {column_of("numeric", 1, 38, 0), {number(nines.c_str()), number(("-" + nines).c_str())}},
      {column_of("money"), {number("-922337203685477.5808"), number("922337203685477.5807")}},
      {column_of("smallmoney"), {number("-214748.3648"), number("0.0001")}},
      {column_of("real"),
       {Value::of_real(static_cast<double>(0.1F)), Value::of_real(-3.40282346638528859e38)}},
      {column_of("float"),
       {Value::of_real(0.1), Value::of_real(std::numeric_limits<double>::max()),
        Value::of_real(-2.2250738585072014e-308), Value::of_real(5e-17)}},
      {column_of("date"), {date("0001-01-01"), date("9999-12-31"), date("2000-02-29")}},
      {column_of("time", 1, 18, digits),
       {time("00:00:00"), time(("23:59:59." + last).c_str()), time("01:02:03.5")}},
      {column_of("datetime"),
       {stamp("1753-01-01T00:00:00"), stamp("9999-12-31T23:59:59.997"),
        stamp("2003-02-01T11:22:33.12")}},
      {column_of("datetime2", 1, 18, digits),
       {stamp("0001-01-01T00:00:00"), stamp(("9999-12-31T23:59:59." + last).c_str()),
        stamp(("2003-02-01T11:22:33." + fraction).c_str())}},
      {column_of("smalldatetime"), {stamp("1900-01-01T00:00:00"), stamp("2079-06-06T23:59:00")}},
      {column_of("datetimeoffset", 1, 18, digits),
       {other(("2003-02-01 11:22:33." + fraction + " +04:55").c_str()),
        other(("9999-12-30 10:00:00." + std::string(digits, '0') + " -14:00").c_str())}},
      {column_of("uniqueidentifier"), {text("00112233-4455-6677-8899-AABBCCDDEEFF")}},
      {column_of("char", 5), {text("abcde"), text("a    ")}},
      {column_of("varchar", 8000),
       {text(""), text("plain \xc3\xa9"), text(std::string(8000, 'x'))}},
      {column_of("nchar", 3), {text("\xe2\x82\xac  ")}},
      {column_of("nvarchar", 4000), {text(""), text(awkward), text(std::string(4000, 'y'))}},
      {max(column_of("varchar")), {text(std::string(20'000, 'v'))}},
      {max(column_of("nvarchar")), {text(awkward + std::string(100'000, 'z')), text("")}},
      {column_of("text"), {text("plain"), text("")}},
      {column_of("ntext"), {text(awkward)}},
      {column_of("xml"), {text("<a b=\"1\"> <c/>\xe2\x82\xac</a>")}},
      {column_of("binary", 4), {bytes(std::string("\0\xff\0\x01", 4))}},
      {column_of("varbinary", 8000), {bytes(""), bytes(all), bytes(std::string(8000, '\xfe'))}},
      {max(column_of("varbinary")), {bytes(std::string(300'000, '\x01')), bytes("")}},
      {column_of("image"), {bytes(all)}},
  };
  columns.push_back({column_of("sql_variant"), {}});
  for (const char* const value :
       {"int 7", "bit 1", "tinyint 255", "smallint -1", "bigint -5",
        "numeric(38,0) -99999999999999999999999999999999999999", "money -0.0001", "smallmoney 1.5",
        "float 0.1", "real 0.1", "date 0001-01-01", "time(7) 00:00:00.01",
        "datetime2(7) 2003-02-01T11:22:33", "datetime 1900-01-01T00:00:00.003",
        "smalldatetime 2079-06-06T23:59:00",
        "uniqueidentifier 00112233-4455-6677-8899-AABBCCDDEEFF"})
    columns.back().values.push_back(other(value));
  if (!is_sql_server) return columns;
  // Others forget how long or how exact a value's type is.
  for (const char* const value :
       {"numeric(5,2) 12.5", "decimal(9,9) 0.000000001", "time(2) 00:00:00.01",
        "time(5) 23:59:59.99999", "datetime2(0) 2003-02-01T11:22:33",
        "datetime2(7) 0001-01-01T00:00:00.0000001",
        "datetimeoffset(3) 2003-02-01 11:22:33.120 +04:55", "varbinary(8) 0x00ff",
        "binary(2) 0x0102", "varchar(26) it's \xc3\xa9", "char(3) a  ",
        "nvarchar(9) \xe2\x82\xac b", "nchar(2) ab"})
    columns.back().values.push_back(other(value));
  columns.push_back({column_of("hierarchyid"), {bytes("\x58")}});
  // Text that is no UTF-16 stays as it is.
  for (TypedColumn& one : columns) {
    if (one.column.type != SqlType::nvarchar) continue;
    one.values.push_back(bytes("\x3d\xd8"));
    one.values.push_back(text(std::string("a\0b", 3)));
  }
  return columns;
}

// Each value stands in some row; so does null in each column.
inline std::pair<SqlTable, std::vector<model::Row>> typed_rows(
    const std::vector<TypedColumn>& columns) {
  SqlTable table;
  table.name = {"dbo", "every type"};
  std::size_t count = 0;
  for (const TypedColumn& one : columns) {
    table.columns.push_back(one.column);
    count = std::max(count, one.values.size() + 1);
  }
  std::vector<model::Row> rows(count);
  for (std::size_t i = 0; i < count; ++i)
    for (const TypedColumn& one : columns)
      rows[i].push_back(i < one.values.size() ? one.values[i] : model::Value::null());
  return {table, rows};
}

}  // namespace holdfast::engine::sqlserver::test

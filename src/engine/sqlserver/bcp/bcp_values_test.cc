// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bcp/bcp_values.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/bcp/bcp_variant.h"
#include "engine/sqlserver/dac/test_dac.h"

namespace holdfast::engine::sqlserver {
namespace {

using model::Value;
using model::ValueKind;
using test::le;
using test::utf16;

SqlColumn column(const std::string& type, unsigned length = 1, unsigned scale = 0) {
  SqlColumn made;
  made.name = "c";
  made.type_name = type;
  made.type = sql_type(type);
  made.length = length;
  made.scale = scale;
  return made;
}

// "kind text", or why it is none.
std::string decoded(const SqlColumn& of, std::string_view stored) {
  Value value;
  try {
    const bool is_known = decode_bcp(of, as_bytes(stored), value);
    const std::string text = value.kind == ValueKind::real    ? fmt::format("{}", value.real)
                             : value.kind == ValueKind::bytes ? to_hex(as_bytes(value.text))
                                                              : value.text;
    return fmt::format("{} {}{}", model::value_kind_name(value.kind), text, is_known ? "" : " ?");
  } catch (const Error& error) {
    return error.message();
  }
}

std::string moment(std::uint64_t ticks, std::int64_t days) {
  return le(ticks, 5) + le(static_cast<std::uint64_t>(days), 3);
}

constexpr std::uint64_t last_tick = 863'999'999'999;
constexpr std::int64_t last_day = 3'652'058;

TEST(BcpValues, HaveIntegersAtTheirEdges) {
  EXPECT_EQ(decoded(column("bit"), "\x01"), "number 1");
  EXPECT_EQ(decoded(column("bit"), "\x02"), "02 is no bit");
  EXPECT_EQ(decoded(column("tinyint"), "\xff"), "number 255");
  EXPECT_EQ(decoded(column("smallint"), le(0x8000, 2)), "number -32768");
  EXPECT_EQ(decoded(column("smallint"), le(0x7fff, 2)), "number 32767");
  EXPECT_EQ(decoded(column("int"), le(0x8000'0000, 4)), "number -2147483648");
  EXPECT_EQ(decoded(column("bigint"), le(0x8000'0000'0000'0000, 8)), "number -9223372036854775808");
  EXPECT_EQ(decoded(column("bigint"), le(~std::uint64_t{0}, 8)), "number -1");
}

TEST(BcpValues, HaveDecimalsAndMoneyAtTheirEdges) {
  const auto decimal = [](unsigned precision, unsigned scale, unsigned sign, std::uint64_t low,
                          std::uint64_t high) {
    return decoded(column("decimal", 1, scale),
                   le(precision, 1) + le(scale, 1) + le(sign, 1) + le(low, 8) + le(high, 8));
  };
  // 10^38 - 1
  constexpr std::uint64_t low = 0x098a'223f'ffff'ffff, high = 0x4b3b'4ca8'5a86'c47a;
  const std::string nines(38, '9');
  EXPECT_EQ(decimal(38, 0, 1, low, high), "number " + nines);
  EXPECT_EQ(decimal(38, 38, 0, low, high), "number -0." + nines);
  EXPECT_NE(decimal(38, 0, 1, low + 1, high).find("is no decimal"), std::string::npos);
  EXPECT_EQ(decimal(5, 2, 1, 1250, 0), "number 12.5");
  EXPECT_EQ(decimal(5, 2, 0, 1200, 0), "number -12");
  EXPECT_EQ(decimal(5, 2, 0, 5, 0), "number -0.05");
  EXPECT_EQ(decimal(5, 2, 0, 0, 0), "number 0");
  EXPECT_EQ(decimal(38, 38, 1, 1, 0), "number 0." + std::string(37, '0') + "1");
  EXPECT_NE(decimal(39, 0, 1, 1, 0).find("is no"), std::string::npos);
  EXPECT_NE(decimal(5, 6, 1, 1, 0).find("is no"), std::string::npos);
  EXPECT_NE(decimal(5, 2, 2, 1, 0).find("is no"), std::string::npos);
  EXPECT_EQ(decoded(column("money"), le(0x8000'0000, 4) + le(0, 4)),
            "number -922337203685477.5808");
  EXPECT_EQ(decoded(column("money"), le(0x7fff'ffff, 4) + le(0xffff'ffff, 4)),
            "number 922337203685477.5807");
  EXPECT_EQ(decoded(column("money"), le(0, 4) + le(12'300, 4)), "number 1.23");
  EXPECT_EQ(decoded(column("smallmoney"), le(0x8000'0000, 4)), "number -214748.3648");
}

TEST(BcpValues, HaveRealsExactly) {
  EXPECT_EQ(decoded(column("float"), le(0x7fef'ffff'ffff'ffff, 8)),
            fmt::format("real {}", std::numeric_limits<double>::max()));
  EXPECT_EQ(decoded(column("float"), le(1, 8)), "real 5e-324");
  EXPECT_EQ(decoded(column("real"), le(0x3dcc'cccd, 4)),
            fmt::format("real {}", static_cast<double>(0.1F)));
}

TEST(BcpValues, HaveMomentsAtTheirEdges) {
  EXPECT_EQ(decoded(column("date"), le(0, 3)), "date 0001-01-01");
  EXPECT_EQ(decoded(column("date"), le(last_day, 3)), "date 9999-12-31");
  EXPECT_NE(decoded(column("date"), le(last_day + 1, 3)).find("is no date"), std::string::npos);
  EXPECT_EQ(decoded(column("time", 1, 7), le(last_tick, 5)), "time 23:59:59.9999999");
  EXPECT_EQ(decoded(column("time"), le(0, 5)), "time 00:00:00");
  EXPECT_EQ(decoded(column("time"), le(15'000'000, 5)), "time 00:00:01.5");
  EXPECT_NE(decoded(column("time"), le(last_tick + 1, 5)).find("is no time"), std::string::npos);
  EXPECT_EQ(decoded(column("datetime2", 1, 7), moment(1, 0)),
            "timestamp 0001-01-01T00:00:00.0000001");
  EXPECT_EQ(decoded(column("datetime2", 1, 7), moment(last_tick, last_day)),
            "timestamp 9999-12-31T23:59:59.9999999");
  EXPECT_EQ(decoded(column("datetime"), le(static_cast<std::uint32_t>(-53'690), 4) + le(0, 4)),
            "timestamp 1753-01-01T00:00:00");
  EXPECT_EQ(decoded(column("datetime"), le(2'958'463, 4) + le(25'919'999, 4)),
            "timestamp 9999-12-31T23:59:59.997");
  EXPECT_EQ(decoded(column("datetime"), le(0, 4) + le(1, 4)), "timestamp 1900-01-01T00:00:00.003");
  EXPECT_EQ(decoded(column("datetime"), le(0, 4) + le(2, 4)), "timestamp 1900-01-01T00:00:00.007");
  EXPECT_EQ(decoded(column("datetime"), le(0, 4) + le(3, 4)), "timestamp 1900-01-01T00:00:00.01");
  EXPECT_NE(decoded(column("datetime"), le(0, 4) + le(25'920'000, 4)).find("is no"),
            std::string::npos);
  EXPECT_EQ(decoded(column("smalldatetime"), le(0xffff, 2) + le(1439, 2)),
            "timestamp 2079-06-06T23:59:00");
  EXPECT_NE(decoded(column("smalldatetime"), le(0, 2) + le(1440, 2)).find("is no"),
            std::string::npos);
}

TEST(BcpValues, KeepTheOffsetOfADatetimeoffset) {
  const auto offset = [](int minutes, unsigned scale, std::uint64_t ticks, std::int64_t day) {
    return decoded(column("datetimeoffset", 1, scale),
                   moment(ticks, day) + le(static_cast<std::uint16_t>(minutes), 2));
  };
  EXPECT_EQ(offset(295, 7, 1, 1), "other 0001-01-02 04:55:00.0000001 +04:55");
  EXPECT_EQ(offset(-30, 0, 0, 1), "other 0001-01-01 23:30:00 -00:30");
  EXPECT_EQ(offset(0, 2, 15'000'000, 0), "other 0001-01-01 00:00:01.50 +00:00");
  EXPECT_EQ(offset(-840, 0, 0, last_day), "other 9999-12-30 10:00:00 -14:00");
  EXPECT_NE(offset(841, 0, 0, 1).find("is no"), std::string::npos);
  EXPECT_NE(offset(-1, 0, 0, 0).find("is no"), std::string::npos);
  EXPECT_NE(offset(1, 0, last_tick, last_day).find("is no"), std::string::npos);
}

TEST(BcpValues, HaveTextAndBytes) {
  const SqlColumn text = column("nvarchar", 20);
  EXPECT_EQ(decoded(text, ""), "text ");
  EXPECT_EQ(decoded(text, utf16("abcdefgh i")), "text abcdefgh i");
  EXPECT_EQ(
      decoded(text, le(0xe9, 2) + le(0x20ac, 2) + utf16("abcd") + le(0xd83d, 2) + le(0xde00, 2)),
      "text \u00e9\u20acabcd\U0001F600");
  EXPECT_EQ(decoded(text, le(0xd83d, 2)), "bytes 3dd8 ?");
  EXPECT_EQ(decoded(text, le(0xde00, 2) + utf16("a")), "bytes 00de6100 ?");
  EXPECT_NE(decoded(text, "abc").find("is no nvarchar(20)"), std::string::npos);
  EXPECT_EQ(decoded(column("image"), std::string("\0\xff", 2)), "bytes 00ff");
  EXPECT_EQ(decoded(column("rowversion"), le(0x0201, 8)), "bytes 0102000000000000");
  EXPECT_EQ(decoded(column("geography"), "\x01"), "bytes 01");
  EXPECT_EQ(
      decoded(column("uniqueidentifier"),
              std::string("\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16)),
      "text 00112233-4455-6677-8899-AABBCCDDEEFF");
}

TEST(BcpValues, HaveVariantsWithTheirType) {
  const SqlColumn variant = column("sql_variant");
  const std::string latin = le(0x00d0'0409, 4) + le(52, 1), polish = le(0x0010'0415, 4) + le(0, 1),
                    utf8 = le(1U << 26U | 0x409U, 4) + le(0, 1), none = le(0x0fff, 4) + le(0, 1);
  EXPECT_EQ(decoded(variant, le(0x38, 2) + le(7, 4)), "other int 7");
  EXPECT_EQ(decoded(variant, le(0x32, 2) + le(1, 1)), "other bit 1");
  EXPECT_EQ(decoded(variant, le(0x3e, 2) + le(0x3fb9'9999'9999'999a, 8)), "other float 0.1");
  EXPECT_EQ(decoded(variant, le(0x3b, 2) + le(0x3dcc'cccd, 4)), "other real 0.1");
  EXPECT_EQ(decoded(variant, le(0x28, 2) + le(0, 3)), "other date 0001-01-01");
  EXPECT_EQ(decoded(variant, le(0x24, 2) + std::string(16, '\0')),
            "other uniqueidentifier 00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(decoded(variant, le(0x2a, 1) + le(1, 1) + le(7, 1) + moment(1, 0)),
            "other datetime2(7) 0001-01-01T00:00:00.0000001");
  EXPECT_EQ(decoded(variant, le(0x29, 1) + le(1, 1) + le(2, 1) + le(1, 3)),
            "other time(2) 00:00:00.01");
  EXPECT_EQ(decoded(variant, le(0x29, 1) + le(1, 1) + le(2, 1) + le(1, 5)),
            "other time(2) 0x0100000000 ?");
  EXPECT_EQ(decoded(variant, le(0x2a, 1) + le(1, 1) + le(5, 1) + moment(863'999'999'999, 0)),
            "other datetime2(5) 0xffbf692ac9000000 ?");
  EXPECT_EQ(decoded(variant, le(0x6c, 1) + le(2, 1) + le(5, 1) + le(2, 1) + le(1, 1) + le(1250, 4)),
            "other numeric(5,2) 12.5");
  EXPECT_EQ(decoded(variant, le(0xa5, 1) + le(2, 1) + le(8, 2) + "\xff"),
            "other varbinary(8) 0xff");
  EXPECT_EQ(decoded(variant, le(0xe7, 1) + le(7, 1) + latin + le(40, 2) + utf16("ab")),
            "other nvarchar(20) ab");
  const auto text = [&](const std::string& collation, std::string_view bytes) {
    return decoded(variant, le(0xa7, 1) + le(7, 1) + collation + le(9, 2) + std::string(bytes));
  };
  EXPECT_EQ(text(latin, "a\xe9"), "other varchar(9) a\u00e9");
  EXPECT_EQ(text(polish, "\xb9"), "other varchar(9) \u0105");
  EXPECT_EQ(text(utf8, "\u0105"), "other varchar(9) \u0105");
  EXPECT_EQ(text(none, "plain"), "other varchar(9) plain");
  EXPECT_EQ(text(none, "\xe9"), "other varchar(9) 0xe9 ?");
  EXPECT_EQ(decoded(variant, le(0x62, 2) + "x"), "other type 0x62 0x0078 ?");
  EXPECT_EQ(decoded(variant, le(0x38, 2) + le(7, 3)), "other type 0x38 0x00070000 ?");
}

TEST(BcpValues, AreLaidOutByTypeAndNullability) {
  const auto prefix = [](const std::string& type, bool is_nullable, bool is_max = false) {
    SqlColumn one = column(type);
    one.is_nullable = is_nullable;
    one.is_max = is_max;
    return static_cast<int>(bcp_layout(one).prefix_bytes);
  };
  for (const char* const type : {"tinyint", "int", "bigint", "real", "float", "money", "datetime",
                                 "smalldatetime", "date", "time", "datetime2", "datetimeoffset"}) {
    EXPECT_EQ(prefix(type, true), 1) << type;
    EXPECT_EQ(prefix(type, false), 0) << type;
  }
  for (const bool is_nullable : {true, false}) {
    for (const char* const type : {"bit", "uniqueidentifier", "decimal", "numeric"})
      EXPECT_EQ(prefix(type, is_nullable), 1) << type;
    for (const char* const type :
         {"varchar", "nchar", "nvarchar", "binary", "varbinary", "rowversion", "timestamp"})
      EXPECT_EQ(prefix(type, is_nullable), 2) << type;
    for (const char* const type : {"text", "ntext", "image", "sql_variant"})
      EXPECT_EQ(prefix(type, is_nullable), 4) << type;
    for (const char* const type : {"xml", "geography", "geometry", "hierarchyid"})
      EXPECT_EQ(prefix(type, is_nullable), 8) << type;
    for (const char* const type : {"varchar", "nvarchar", "varbinary"})
      EXPECT_EQ(prefix(type, is_nullable, true), 8) << type;
  }
  EXPECT_EQ(prefix("char", true), 2);
  EXPECT_EQ(prefix("char", false), 0);
}

TEST(BcpReader, NamesRowColumnAndByteOfWhatIsNone) {
  SqlTable table;
  SqlColumn id = column("int"), name = column("nvarchar", 3), when = column("date");
  id.name = "id";
  id.is_nullable = false;
  name.name = "name";
  name.is_nullable = false;
  when.name = "when";
  table.columns = {id, name, when};
  const auto read = [&](const std::string& stored) {
    BytesSource source(as_bytes(stored));
    BcpReader reader(source, table, {});
    try {
      for (model::Row row; reader.next(row);) EXPECT_EQ(row.size(), 3U);
      return fmt::format("{} rows", reader.rows());
    } catch (const Error& error) {
      return error.message();
    }
  };
  const std::string good = le(1, 4) + test::text_cell("abc") + le(3, 1) + le(5, 3);
  EXPECT_EQ(read(""), "0 rows");
  EXPECT_EQ(read(good + good), "2 rows");
  EXPECT_EQ(read(good + le(1, 4) + test::text_cell("") + le(0xff, 1)), "2 rows");
  EXPECT_EQ(read(good + good.substr(0, 9)), "row 2 is cut off: the part ends at byte 25");
  EXPECT_EQ(read(good + le(1, 4) + le(0xffff, 2)),
            "row 2, column name: it is null, which it cannot be, before byte 22 of the part");
  EXPECT_EQ(read(le(1, 4) + le(8, 2)),
            "row 1, column name: it is said to have 8 bytes, which no nvarchar(3) has, before byte "
            "6 of the part");
  EXPECT_EQ(read(le(1, 4) + le(0, 2) + le(4, 1) + le(0, 4)),
            "row 1, column when: it is said to have 4 bytes, which no date has, before byte 7 of "
            "the part");
  EXPECT_EQ(read(le(1, 4) + le(0, 2) + le(3, 1) + le(0xffffff, 3)),
            "row 1, column when: ffffff is no date, before byte 10 of the part");
}

TEST(BcpReader, RefusesRowsWithoutBytes) {
  SqlTable table;
  SqlColumn none = column("char", 0);
  none.is_nullable = false;
  table.columns = {none};
  BytesSource source(as_bytes("x"));
  BcpReader reader(source, table, {});
  model::Row row;
  EXPECT_THROW(static_cast<void>(reader.next(row)), Error);
}

// A row above the bound is passed over in a window of memory.
TEST(BcpReader, PassesOverRowsThatAreTooLarge) {
  class Zeros final : public ByteSource {
   public:
    explicit Zeros(std::string front, std::uint64_t count, std::string back)
        : front_(std::move(front)), count_(count), back_(std::move(back)) {}
    [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
      if (!front_.empty()) return give(front_, into);
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(count_, into.size()));
      if (step == 0) return give(back_, into);
      std::fill_n(into.begin(), step, std::byte{0});
      count_ -= step;
      return step;
    }

   private:
    static std::size_t give(std::string& from, std::span<std::byte> into) {
      const std::size_t count = std::min(from.size(), into.size());
      std::memcpy(into.data(), from.data(), count);
      from.erase(0, count);
      return count;
    }
    std::string front_;
    std::uint64_t count_;
    std::string back_;
  };
  SqlTable table;
  SqlColumn large = column("varbinary");
  large.is_max = true;
  table.columns = {large, column("int")};
  Zeros source(le(bcp_row_bytes_max + 1, 8), bcp_row_bytes_max + 1,
               le(4, 1) + le(9, 4) + le(3, 8) + "abc" + le(4, 1) + le(8, 4));
  BcpReader reader(source, table, {});
  model::Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_TRUE(reader.is_large());
  ASSERT_TRUE(reader.next(row));
  EXPECT_FALSE(reader.is_large());
  EXPECT_EQ(row.at(0).text, "abc");
  EXPECT_EQ(row.at(1).text, "8");
  EXPECT_FALSE(reader.next(row));
}

// One that a copy has comes as it is.
TEST(BcpReader, HasABoundThatIsTold) {
  SqlTable table;
  SqlColumn large = column("varbinary");
  large.is_max = true;
  table.columns = {large};
  const std::string stored = le(3, 8) + "abc" + le(4, 8) + "abcd";
  BytesSource source(as_bytes(stored));
  BcpReader reader(source, table, {}, 3);
  model::Row row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_FALSE(reader.is_large());
  EXPECT_EQ(row.at(0).text, "abc");
  ASSERT_TRUE(reader.next(row));
  EXPECT_TRUE(reader.is_large());
  EXPECT_FALSE(reader.next(row));
}

TEST(BcpValues, AreDefinedForOtherDatabases) {
  const auto defined = [](SqlColumn one) {
    const model::ColumnDefinition made = define_column(one);
    return fmt::format("{} {} {} {} {} {}", made.type, model::value_kind_name(made.kind),
                       made.length.value_or(0), made.precision.value_or(0), made.scale.value_or(-1),
                       made.fraction_digits);
  };
  EXPECT_EQ(defined(column("bit")), "bit number 0 1 0 0");
  EXPECT_EQ(defined(column("tinyint")), "tinyint number 0 3 0 0");
  EXPECT_EQ(defined(column("bigint")), "bigint number 0 19 0 0");
  EXPECT_EQ(defined(column("money")), "money number 0 19 4 0");
  EXPECT_EQ(defined(column("decimal", 1, 3)), "decimal(18,3) number 0 18 3 0");
  EXPECT_EQ(defined(column("datetime")), "datetime timestamp 0 0 -1 3");
  EXPECT_EQ(defined(column("datetime2", 1, 7)), "datetime2(7) timestamp 0 0 -1 7");
  EXPECT_EQ(defined(column("time", 1, 7)), "time(7) time 0 0 -1 7");
  EXPECT_EQ(defined(column("datetimeoffset", 1, 7)), "datetimeoffset(7) other 0 0 -1 0");
  EXPECT_EQ(defined(column("sql_variant")), "sql_variant other 0 0 -1 0");
  EXPECT_EQ(defined(column("uniqueidentifier")), "uniqueidentifier text 36 0 -1 0");
  EXPECT_EQ(defined(column("nvarchar", 20)), "nvarchar(20) text 20 0 -1 0");
  EXPECT_EQ(defined(column("varbinary", 20)), "varbinary(20) bytes 20 0 -1 0");
  EXPECT_EQ(defined(column("rowversion")), "rowversion bytes 8 0 -1 0");
  EXPECT_EQ(defined(column("geometry")), "geometry bytes 0 0 -1 0");
  EXPECT_EQ(defined(column("xml")), "xml text 0 0 -1 0");
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

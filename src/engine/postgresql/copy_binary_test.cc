// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/copy_binary.h"

#include <gtest/gtest.h>

namespace holdfast::engine::postgresql {
namespace {

// What a field of that type becomes, in hex, without the count of columns; "refused".
std::string binary_of(std::string_view type, std::string_view text) {
  BinaryRows rows({binary_form_of(type).value()});
  Bytes row;
  if (!rows.add(text, row)) {
    EXPECT_TRUE(row.empty()) << text;
    return "refused";
  }
  return to_hex(ByteView(row).subspan(2));
}

TEST(CopyBinary, KnowsItsTypes) {
  EXPECT_EQ(binary_form_of("int4"), BinaryForm::int4);
  EXPECT_EQ(binary_form_of("bpchar"), BinaryForm::text);
  EXPECT_FALSE(binary_form_of("interval").has_value());
  EXPECT_FALSE(binary_form_of("").has_value());
}

TEST(CopyBinary, FramesRows) {
  BinaryRows rows({BinaryForm::int2, BinaryForm::text});
  Bytes copy;
  BinaryRows::begin(copy);
  EXPECT_TRUE(rows.add("-2\t", copy));
  EXPECT_TRUE(rows.add("\\N\t\\\\N\\t", copy));
  EXPECT_FALSE(rows.add("1", copy));
  EXPECT_FALSE(rows.add("1\t2\t3", copy));
  BinaryRows::end(copy);
  EXPECT_EQ(to_hex(copy),
            "5047434f50590aff0d0a000000000000000000"
            "000200000002fffe00000000"
            "0002ffffffff000000035c4e09"
            "ffff");
}

TEST(CopyBinary, WritesWhatTheServerSends) {
  EXPECT_EQ(binary_of("int4", "-1"), "00000004ffffffff");
  EXPECT_EQ(binary_of("oid", "4294967295"), "00000004ffffffff");
  EXPECT_EQ(binary_of("bool", "t"), "0000000101");
  EXPECT_EQ(binary_of("float8", "-0"), "000000088000000000000000");
  EXPECT_EQ(binary_of("float4", "NaN"), "000000047fc00000");
  EXPECT_EQ(binary_of("numeric", "-12345.678"),
            "0000000e000300014000000300010929"
            "1a7c");
  EXPECT_EQ(binary_of("numeric", "0.00"), "000000080000000000000002");
  EXPECT_EQ(binary_of("numeric", "0.00001200"), "0000000a0001fffe0000000804b0");
  EXPECT_EQ(binary_of("bytea", "\\\\x00ff"), "0000000200ff");
  EXPECT_EQ(binary_of("jsonb", "{}"), "00000003017b7d");
  EXPECT_EQ(binary_of("date", "1999-12-31"), "00000004ffffffff");
  EXPECT_EQ(binary_of("date", "infinity"), "000000047fffffff");
  EXPECT_EQ(binary_of("time", "24:00:00"), "00000008000000141dd76000");
  EXPECT_EQ(binary_of("timestamptz", "2000-01-01 00:00:00.5+00"), "00000008000000000007a120");
  EXPECT_EQ(binary_of("uuid", "00112233-4455-6677-8899-aabbccddeeff"),
            "0000001000112233445566778899aabbccddeeff");
}

TEST(CopyBinary, LeavesToTheServerWhatIsWrittenOtherwise) {
  for (const auto& [type, text] : std::vector<std::pair<std::string, std::string>>{
           {"int2", "32768"},
           {"int4", " 1"},
           {"int4", ""},
           {"bool", "true"},
           {"float8", "1e999"},
           {"float8", "1 "},
           {"numeric", "1e3"},
           {"numeric", "Infinity"},
           {"numeric", "."},
           {"bytea", "abc"},
           {"bytea", "\\\\x0"},
           {"bytea", "\\\\xzz"},
           {"uuid", "{00112233-4455-6677-8899-aabbccddeeff}"},
           {"date", "2026-02-29"},
           {"date", "20.11.2026"},
           {"date", "0000-01-01"},
           {"date", "5874898-01-01"},
           {"date", "5881610-07-11"},
           {"date", "9999999-01-01 BC"},
           {"date", "4714-11-23 BC"},
           {"time", "24:00:01"},
           {"timestamp", "2026-11-20"},
           {"timestamp", "294277-01-09 04:00:54.775807"},
           {"timestamptz", "2026-11-20 10:00:00+01"},
           {"text", "\\."},
           {"text", "a\\.b"},
           {"text", "\\101"},
           {"text", "a\rb"},
           {"text", "a\\"},
       })
    EXPECT_EQ(binary_of(type, text), "refused") << type << " " << text;
}

using model::Value;
using model::ValueKind;

// The same of a typed value.
std::string binary_of(std::string_view type, const Value& value) {
  BinaryValues values({binary_form_of(type).value()});
  Bytes row;
  const auto refused = values.add({value}, row, [](ByteView) { FAIL() << "it is not wide"; });
  return refused ? "refused" : to_hex(ByteView(row).subspan(2));
}

TEST(CopyBinary, TypedValuesAreWrittenAsTheServerSendsThem) {
  EXPECT_EQ(binary_of("int8", Value::integer(INT64_MIN)), "000000088000000000000000");
  EXPECT_EQ(binary_of("int4", Value::null()), "ffffffff");
  EXPECT_EQ(binary_of("bool", Value::integer(1)), "0000000101");
  EXPECT_EQ(binary_of("bytea", Value::of_kind(ValueKind::bytes, std::string("\\x\0", 3))),
            "000000035c7800");
  EXPECT_EQ(binary_of("varchar", Value::of_text("\\N")), "000000025c4e");
  EXPECT_EQ(binary_of("float8", Value::of_real(-0.5)), "00000008bfe0000000000000");
  EXPECT_EQ(binary_of("float4", Value::of_real(-0.5)), "00000004bf000000");
  EXPECT_EQ(binary_of("timestamp", Value::of_kind(ValueKind::timestamp, "2000-01-01T00:00:00.5")),
            "00000008000000000007a120");
  EXPECT_EQ(binary_of("timestamptz", Value::of_kind(ValueKind::instant, "2000-01-01T00:00:00.5Z")),
            "00000008000000000007a120");
  EXPECT_EQ(binary_of("date", Value::of_kind(ValueKind::date, "-0044-03-15")),
            binary_of("date", "0045-03-15 BC"));
}

TEST(CopyBinary, TypedValuesThatATypeDoesNotTakeAreRefused) {
  EXPECT_EQ(binary_of("int4", Value::integer(1LL << 40U)), "refused");
  EXPECT_EQ(binary_of("int4", Value::number("1.5")), "refused");
  EXPECT_EQ(binary_of("int4", Value::of_real(1)), "refused");
  EXPECT_EQ(binary_of("bool", Value::integer(2)), "refused");
  EXPECT_EQ(binary_of("bytea", Value::integer(1)), "refused");
  EXPECT_EQ(binary_of("date", Value::of_kind(ValueKind::date, "-x")), "refused");
}

TEST(CopyBinary, AWideValueIsPassedOnBetweenWhatStandsAroundIt) {
  const std::string wide(100'000, 'w');
  BinaryValues values({BinaryForm::int2, BinaryForm::bytea, BinaryForm::int2});
  Bytes row, all;
  const auto refused =
      values.add({Value::integer(1), Value::of_kind(ValueKind::bytes, wide), Value::integer(2)},
                 row, [&](ByteView bytes) { append(all, bytes); });
  EXPECT_FALSE(refused);
  EXPECT_LT(row.size(), 100U);
  append(all, row);
  EXPECT_EQ(to_hex(ByteView(all).first(12)), "0003000000020001000186a0");
  EXPECT_EQ(as_text(ByteView(all).subspan(12, wide.size())), wide);
  EXPECT_EQ(to_hex(ByteView(all).subspan(12 + wide.size())), "000000020002");
}

}  // namespace
}  // namespace holdfast::engine::postgresql

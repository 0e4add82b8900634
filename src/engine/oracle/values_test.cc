// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/values.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::oracle {
namespace {

using model::Value;
using model::ValueKind;

Value decoded(void (*decode)(ByteView, Value&), const std::string& hex) {
  const Bytes bytes = from_hex(hex).value();
  Value value = Value::of_text("what was there before");
  decode(bytes, value);
  return value;
}

std::string number(const std::string& hex) {
  const Value value = decoded(decode_number, hex);
  // What is made here is the canonical form.
  if (value.kind == ValueKind::number) {
    EXPECT_EQ(value, Value::number(value.text)) << hex;
  }
  return value.text;
}

bool is_refused(void (*decode)(ByteView, Value&), const std::string& hex) {
  try {
    decoded(decode, hex);
  } catch (const Error& error) {
    return error.code() == Errc::corrupt;
  }
  return false;
}

TEST(OracleValues, NumbersAreExact) {
  EXPECT_EQ(number("80"), "0");
  EXPECT_EQ(number("c102"), "1");
  EXPECT_EQ(number("c20218"), "123");
  EXPECT_EQ(number("c104394f5b"), "3.56789");
  EXPECT_EQ(number("3e6466"), "-1");
  EXPECT_EQ(number("3f5166"), "-0.2");
  EXPECT_EQ(number("c015"), "0.2");
  EXPECT_EQ(number("3e644e66"), "-1.23");
  EXPECT_EQ(number("c302"), "10000");
  EXPECT_EQ(number("c30b010102"), "100000.01");
  EXPECT_EQ(number("bf02"), "0.0001");
  EXPECT_EQ(number("c10b"), "10");
  EXPECT_EQ(number("3e5b66"), "-10");
}

TEST(OracleValues, NumbersReachAsFarAsOracleDoes) {
  // 9.99…(20 digits to the base 100) times 10 to the 125, and the least above zero.
  std::string all_nines = "ff";
  for (int i = 0; i < 20; ++i) all_nines += "64";
  EXPECT_EQ(number(all_nines), std::string(40, '9') + std::string(86, '0'));
  EXPECT_EQ(number("8002"), "0." + std::string(129, '0') + "1");
  EXPECT_EQ(number("7f6466"), "-0." + std::string(129, '0') + "1");
  // The longest negative number has no mark behind it.
  std::string negative = "3e";
  for (int i = 0; i < 20; ++i) negative += "02";
  EXPECT_EQ(number(negative), "-99." + std::string(38, '9'));
}

TEST(OracleValues, InfinitiesAreOther) {
  EXPECT_EQ(decoded(decode_number, "ff65"), Value::of_kind(ValueKind::other, "inf"));
  EXPECT_EQ(decoded(decode_number, "00"), Value::of_kind(ValueKind::other, "-inf"));
}

TEST(OracleValues, BytesThatAreNoNumberAreRefused) {
  for (const char* hex : {"", "c1", "81", "c100", "c165", "c10200", "c101", "3e66", "3e01", "3e67",
                          "c1020202020202020202020202020202020202020202020202"})
    EXPECT_TRUE(is_refused(decode_number, hex)) << hex;
}

TEST(OracleValues, DatesKeepEveryField) {
  EXPECT_EQ(decoded(decode_date, "787b0b0101291d"),
            Value::of_kind(ValueKind::timestamp, "2023-11-01T00:40:28"));
  EXPECT_EQ(decoded(decode_date, "64650101010101"),
            Value::of_kind(ValueKind::timestamp, "0001-01-01T00:00:00"));
  EXPECT_EQ(decoded(decode_date, "c7c70c1f183c3c"),
            Value::of_kind(ValueKind::timestamp, "9999-12-31T23:59:59"));
}

TEST(OracleValues, YearsBeforeChristHaveAZeroHere) {
  // -4712-01-01, the first day that Oracle knows; and the first of March of 1 before Christ.
  EXPECT_EQ(decoded(decode_date, "35580101010101").text, "-4711-01-01T00:00:00");
  EXPECT_EQ(decoded(decode_date, "64630301010101").text, "0000-03-01T00:00:00");
}

TEST(OracleValues, ADayThatOnlyTheJulianCalendarHasIsOther) {
  EXPECT_EQ(decoded(decode_date, "7364021d010101"),
            Value::of_kind(ValueKind::other, "1500-02-29T00:00:00"));
  EXPECT_EQ(decoded(decode_date, "7364021c010101").kind, ValueKind::timestamp);
}

TEST(OracleValues, BytesThatAreNoDateAreRefused) {
  for (const char* hex : {"", "787b0b0101", "787b0d01010101", "787b0001010101", "787b0b1f010101",
                          "787b0b00010101", "787b0b01000101", "787b0b01190101", "787b0b0101003d",
                          "787b0b01013d01", "787b0b0101013d", "64640101010101", "00000000000000",
                          "787d021d010101", "7763021d010101", "786302010101ff", "785f0101010101"})
    EXPECT_TRUE(is_refused(decode_date, hex)) << hex;
}

TEST(OracleValues, TimestampsKeepTheirNanoseconds) {
  EXPECT_EQ(decoded(decode_timestamp, "787a0602092e2914ad5d90"),
            Value::of_kind(ValueKind::timestamp, "2022-06-02T08:45:40.346906"));
  EXPECT_EQ(decoded(decode_timestamp, "787a0602092e29").text, "2022-06-02T08:45:40");
  EXPECT_EQ(decoded(decode_timestamp, "787a0602092e2900000001").text,
            "2022-06-02T08:45:40.000000001");
  EXPECT_TRUE(is_refused(decode_timestamp, "787a0602092e293b9aca00"));
  EXPECT_TRUE(is_refused(decode_timestamp, "787a0602092e2900"));
}

TEST(OracleValues, ZonesDoNotMoveAnInstant) {
  for (const char* hex :
       {"787a0602092e2914ad5d90163c", "787a0602092e2914ad5d90d5a4", "787a0602092e2914ad5d90"})
    EXPECT_EQ(decoded(decode_instant, hex),
              Value::of_kind(ValueKind::instant, "2022-06-02T08:45:40.346906Z"))
        << hex;
  EXPECT_EQ(decoded(decode_instant, "787a0602092e29").text, "2022-06-02T08:45:40Z");
}

TEST(OracleValues, LocalTimesAreThoseOfTheDatabasesZone) {
  const auto in_zone = [](const std::string& hex, int zone_minutes) {
    const Bytes stored = from_hex(hex).value();
    Value value;
    decode_local_instant(stored, zone_minutes, value);
    return value.text;
  };
  const std::string stored = "787a0101012e2900000001";
  EXPECT_EQ(in_zone(stored, 0), "2022-01-01T00:45:40.000000001Z");
  EXPECT_EQ(in_zone(stored, 60), "2021-12-31T23:45:40.000000001Z");
  EXPECT_EQ(in_zone(stored, -7 * 60), "2022-01-01T07:45:40.000000001Z");
  EXPECT_EQ(in_zone("64650101010101", 60), "0000-12-31T23:00:00Z");
  EXPECT_EQ(in_zone("c7c70c1f180101", -60), "10000-01-01T00:00:00Z");
}

TEST(OracleValues, BinaryFloatingPointIsIeee) {
  EXPECT_EQ(decoded(decode_binary_float, "bf800000"), Value::of_real(1));
  EXPECT_EQ(decoded(decode_binary_float, "407fffff"), Value::of_real(-1));
  EXPECT_EQ(decoded(decode_binary_double, "c00921fb54442d18"), Value::of_real(3.141592653589793));
  EXPECT_EQ(decoded(decode_binary_double, "3ff6de04abbbd2e7"), Value::of_real(-3.141592653589793));
  EXPECT_EQ(decoded(decode_binary_double, "8000000000000000"), Value::of_real(0));
  EXPECT_EQ(decoded(decode_binary_double, "fff0000000000000"),
            Value::of_real(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(decoded(decode_binary_double, "fff8000000000000"),
            Value::of_real(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_TRUE(is_refused(decode_binary_float, "bf8000"));
  EXPECT_TRUE(is_refused(decode_binary_double, "bf800000"));
}

TEST(OracleValues, IntervalsAreWrittenAsOracleDoes) {
  EXPECT_EQ(decoded(decode_interval_ym, "8000000242"), Value::of_kind(ValueKind::other, "+02-06"));
  EXPECT_EQ(decoded(decode_interval_ym, "7ffffffe36").text, "-02-06");
  EXPECT_EQ(decoded(decode_interval_ym, "800000003c").text, "+00-00");
  EXPECT_EQ(decoded(decode_interval_ds, "80000005485a46875bca00").text, "+05 12:30:10.123456000");
  EXPECT_EQ(decoded(decode_interval_ds, "7fffffff3c3c3c80000000").text, "-01 00:00:00.000000000");
  for (const char* hex : {"8000000248", "7ffffffe42", "80000002", "ffffffff3c"})
    EXPECT_TRUE(is_refused(decode_interval_ym, hex)) << hex;
  for (const char* hex : {"80000005545a4680000000", "7ffffffe3d3c3c80000000", "80",
                          "80000000783c3c80000000", "800000003c3c3cffffffff"})
    EXPECT_TRUE(is_refused(decode_interval_ds, hex)) << hex;
}

}  // namespace
}  // namespace holdfast::engine::oracle

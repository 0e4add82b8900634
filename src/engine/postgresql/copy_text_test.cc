// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/copy_text.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace holdfast::engine::postgresql {
namespace {

using model::Row;
using model::Value;
using model::ValueKind;

Value read_one(std::string_view type, std::string_view text) {
  RowReader reader({{"c", std::string(type), form_of(type)}});
  Row row;
  reader.read(as_bytes(text), row);
  EXPECT_EQ(row.size(), 1U);
  return row.at(0);
}

void expect_kind(std::string_view type, std::string_view text, ValueKind kind,
                 std::string_view canonical) {
  const Value value = read_one(type, text);
  EXPECT_EQ(value.kind, kind) << text;
  EXPECT_EQ(value.text, canonical) << text;
}

TEST(CopyText, TellsNullFromEmptyAndFromItsOwnLetters) {
  expect_kind("text", "\\N", ValueKind::null, "");
  expect_kind("text", "", ValueKind::text, "");
  expect_kind("text", "\\\\N", ValueKind::text, "\\N");
  expect_kind("text", "\\N\n", ValueKind::null, "");
}

TEST(CopyText, UndoesEveryEscape) {
  expect_kind("text", R"(\b\f\n\r\t\v\\\.\x41\x4\101\0)", ValueKind::text,
              std::string("\b\f\n\r\t\v\\.A\x04"
                          "A\0",
                          12));
  EXPECT_THROW(read_one("text", "a\\"), Error);
}

TEST(CopyText, CanonicalisesNumbers) {
  for (const auto& [given, due] :
       std::vector<std::pair<std::string, std::string>>{{"0", "0"},
                                                        {"12", "12"},
                                                        {"-12", "-12"},
                                                        {"12.50", "12.5"},
                                                        {"0.00", "0"},
                                                        {"-0.10", "-0.1"},
                                                        {"100", "100"},
                                                        {"100.00", "100"},
                                                        {"0.001", "0.001"},
                                                        {"-0.0", "0"},
                                                        {"1e3", "1000"},
                                                        {"007", "7"}}) {
    expect_kind("numeric", given, ValueKind::number, due);
    EXPECT_EQ(read_one("numeric", given), Value::number(given)) << given;
  }
  expect_kind("numeric", "NaN", ValueKind::other, "NaN");
  expect_kind("numeric", "-Infinity", ValueKind::other, "-Infinity");
  EXPECT_THROW(read_one("int4", "1.x"), Error);
  EXPECT_THROW(read_one("int4", ""), Error);
  EXPECT_THROW(read_one("int4", "-"), Error);
}

TEST(CopyText, ReadsReals) {
  EXPECT_EQ(read_one("float8", "0.1").real, 0.1);
  EXPECT_EQ(read_one("float4", "0.1").real, static_cast<double>(0.1F));
  EXPECT_TRUE(std::isnan(read_one("float8", "NaN").real));
  EXPECT_EQ(read_one("float8", "-Infinity").real, -INFINITY);
  EXPECT_EQ(read_one("float8", "-0"), Value::of_real(0));
  EXPECT_EQ(read_one("float8", "1e-320").real, 1e-320);
  EXPECT_THROW(read_one("float8", "0.1a"), Error);
}

TEST(CopyText, ReadsMoments) {
  expect_kind("date", "2026-11-20", ValueKind::date, "2026-11-20");
  expect_kind("date", "0044-03-15 BC", ValueKind::date, "-0044-03-15");
  expect_kind("date", "infinity", ValueKind::other, "infinity");
  expect_kind("time", "10:56:01.5", ValueKind::time, "10:56:01.5");
  expect_kind("timestamp", "2026-11-20 10:56:01.000001", ValueKind::timestamp,
              "2026-11-20T10:56:01.000001");
  expect_kind("timestamptz", "2026-11-20 10:56:01.5+00", ValueKind::instant,
              "2026-11-20T10:56:01.5Z");
  expect_kind("timestamptz", "0044-03-15 00:00:00+00 BC", ValueKind::instant,
              "-0044-03-15T00:00:00Z");
  EXPECT_THROW(read_one("timestamptz", "2026-11-20 10:56:01.5+02"), Error);
}

TEST(CopyText, ReadsBytesBooleansAndOthers) {
  expect_kind("bytea", "\\\\x00ffA0", ValueKind::bytes, std::string("\0\xff\xa0", 3));
  expect_kind("bytea", "\\\\x", ValueKind::bytes, "");
  EXPECT_THROW(read_one("bytea", "\\\\x0"), Error);
  expect_kind("bool", "t", ValueKind::number, "1");
  expect_kind("bool", "f", ValueKind::number, "0");
  expect_kind("_int4", "{1,NULL,3}", ValueKind::other, "{1,NULL,3}");
  expect_kind("text", "\xff", ValueKind::bytes, "\xff");
}

TEST(CopyText, RefusesRowsOfAnotherWidth) {
  RowReader reader({{"a", "text", TextForm::text}, {"b", "text", TextForm::text}});
  Row row;
  reader.read(as_bytes("x\t\n"), row);
  EXPECT_EQ(row.at(1), Value::of_text(""));
  EXPECT_THROW(reader.read(as_bytes("x\n"), row), Error);
  EXPECT_THROW(reader.read(as_bytes("x\ty\tz\n"), row), Error);
  RowReader empty({});
  empty.read(as_bytes("\n"), row);
  EXPECT_TRUE(row.empty());
  EXPECT_THROW(empty.read(as_bytes("x\n"), row), Error);
}

TEST(CopyText, CutsLinesWhereverThePiecesEnd) {
  const std::string text = "one\n\ntwo\nthree";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> lines;
    LineCutter cutter([&](ByteView line) { lines.emplace_back(as_text(line)); });
    for (std::size_t at = 0; at < text.size(); at += size)
      cutter.write(as_bytes(std::string_view(text).substr(at, size)));
    cutter.finish();
    EXPECT_EQ(lines, (std::vector<std::string>{"one\n", "\n", "two\n", "three"})) << size;
  }
  LineCutter narrow([](ByteView) {}, 4);
  EXPECT_THROW(narrow.write(as_bytes("12345")), Error);
}

}  // namespace
}  // namespace holdfast::engine::postgresql

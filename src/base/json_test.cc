// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace holdfast {
namespace {

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(json, text);
  return json;
}

// The message of the Errc::corrupt that parsing `text` ends in.
std::string refusal_of(std::string_view text) {
  try {
    static_cast<void>(Json::parse(text, "the test"));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    return error.what();
  }
  return "(accepted)";
}

template <typename Body>
Errc code_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no Error";
  return Errc::bug;
}

TEST(JsonString, EscapesAsGoDoes) {
  EXPECT_EQ(quoted(""), R"("")");
  EXPECT_EQ(quoted("plain /\x7f"), "\"plain /\x7f\"");
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(quoted("\b\f\x01\x1f"), R"("\u0008\u000c\u0001\u001f")");
  EXPECT_EQ(quoted("<a>&"), R"("\u003ca\u003e\u0026")");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"("\u0000")");
}

TEST(JsonString, KeepsUtf8ButTheLineSeparators) {
  EXPECT_EQ(quoted("ü€😀"), "\"ü€😀\"");
  EXPECT_EQ(quoted("a\xe2\x80\xa8"
                   "b\xe2\x80\xa9"),
            R"("a\u2028b\u2029")");
  EXPECT_EQ(quoted("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"");
}

TEST(JsonString, ReplacesEachInvalidByte) {
  EXPECT_EQ(quoted("bad\xff\xfe!"), R"("bad\ufffd\ufffd!")");
  EXPECT_EQ(quoted("\xe2\x82"), R"("\ufffd\ufffd")");
  EXPECT_EQ(quoted("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(quoted("\xc3("), R"("\ufffd(")");
}

TEST(Json, ParsesEveryKind) {
  const Json json =
      Json::parse(R"( {"n":null,"t":true,"f":false,"i":-5,"u":18446744073709551615,"d":1.5,)"
                  R"("s":"aü\u20ac\ud83d\ude00","a":[1,[],{}]} )",
                  "the test");
  EXPECT_TRUE(json.at("n").is_null());
  EXPECT_TRUE(json.at("t").as_bool());
  EXPECT_FALSE(json.at("f").as_bool());
  EXPECT_EQ(json.at("i").as_int(), -5);
  EXPECT_EQ(json.at("u").as_uint(), UINT64_MAX);
  EXPECT_EQ(json.at("d").as_double(), 1.5);
  EXPECT_EQ(json.at("s").as_string(), "aü€😀");
  EXPECT_EQ(json.at("a").as_array().size(), 3U);
  EXPECT_EQ(json.find("missing"), nullptr);
  EXPECT_EQ(json.at("a").find("x"), nullptr);
}

TEST(Json, ScalarsAreDocumentsToo) {
  EXPECT_EQ(Json::parse("null", "x"), Json());
  EXPECT_EQ(Json::parse(" 7 ", "x"), Json(7));
  EXPECT_EQ(Json::parse("\"a\"", "x"), Json("a"));
}

TEST(Json, NumbersCompareWhateverTheyWereMadeFrom) {
  EXPECT_EQ(Json(7), Json(7U));
  EXPECT_EQ(Json(std::int64_t{7}), Json::parse("7", "x"));
  EXPECT_EQ(Json(-7), Json::parse("-7", "x"));
  EXPECT_NE(Json(-7), Json(7));
  EXPECT_EQ(Json(INT64_MIN), Json::parse("-9223372036854775808", "x"));
  EXPECT_EQ(Json(0), Json::parse("-0", "x"));
  EXPECT_EQ(Json(INT64_MIN).as_int(), INT64_MIN);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* bad : {"",         " ",       "{",         "}",        "[1,]",
                          "{\"a\":}", "{\"a\"}", "{a:1}",     "[1 2]",    "nul",
                          "tru",      "01",      "+1",        "1.",       ".5",
                          "1e",       "'a'",     "\"a",       "[1]]",     "{} {}",
                          "1 2",      "[1]x",    "NaN",       "Infinity", "\xef\xbb\xbf{}",
                          "// c\n1",  "\"\\x\"", "\"\\u12\"", "\"a\nb\"", "\"\t\""}) {
    EXPECT_NE(refusal_of(bad), "(accepted)") << bad;
  }
  EXPECT_EQ(refusal_of(""), "the test is not valid JSON: it is empty");
}

TEST(Json, RefusesTextThatIsNotUtf8) {
  EXPECT_EQ(refusal_of("\"\xff\""), "the test is not valid JSON: it is not UTF-8");
  EXPECT_NE(refusal_of("{\"\xed\xa0\x80\":1}"), "(accepted)");
  EXPECT_NE(refusal_of(R"("\ud800")"), "(accepted)");
  EXPECT_NE(refusal_of(R"("\ud800x")"), "(accepted)");
  EXPECT_NE(refusal_of(R"("\ud800\u0041")"), "(accepted)");
  EXPECT_NE(refusal_of(R"("\udc00")"), "(accepted)");
  EXPECT_NE(refusal_of(R"({"\udc00":1})"), "(accepted)");
}

TEST(Json, RefusesNumbersOutOfRange) {
  EXPECT_NE(refusal_of("18446744073709551616"), "(accepted)");
  EXPECT_NE(refusal_of("-9223372036854775809"), "(accepted)");
  EXPECT_NE(refusal_of("1e400"), "(accepted)");
}

TEST(Json, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(refusal_of(R"({"a":1,"b":2,"a":3})"),
            "the test is not valid JSON: the key \"a\" stands twice in one object");
  EXPECT_NE(refusal_of(R"([{"x":{"\u0061":1,"a":2}}])"), "(accepted)");
  EXPECT_EQ(refusal_of(R"({"a":{"a":1},"b":{"a":1}})"), "(accepted)");
}

TEST(Json, TakesADepthOf256AndNoMore) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(refusal_of(nested(256)), "(accepted)");
  EXPECT_EQ(refusal_of(nested(257)),
            "the test is not valid JSON: it is nested deeper than 256 levels");
  EXPECT_NE(refusal_of(std::string(1'000'000, '[')), "(accepted)");
  std::string objects;
  for (int i = 0; i < 257; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal_of(objects + "1" + std::string(257, '}')), "(accepted)");
}

TEST(Json, NumbersOutsideTheRangeOfAKindAreCorrupt) {
  EXPECT_EQ(code_of([] { static_cast<void>(Json(UINT64_MAX).as_int()); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { static_cast<void>(Json(-1).as_uint()); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { static_cast<void>(Json(1.0).as_int()); }), Errc::corrupt);
  EXPECT_EQ(Json(-3).as_double(), -3.0);
  EXPECT_EQ(Json(3U).as_double(), 3.0);
}

TEST(Json, AnotherKindIsCorrupt) {
  const Json text("a");
  EXPECT_EQ(code_of([&] { static_cast<void>(text.as_bool()); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { static_cast<void>(text.as_array()); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { static_cast<void>(text.as_object()); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { static_cast<void>(text.as_double()); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { static_cast<void>(text.at("k")); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { static_cast<void>(Json(1).as_string()); }), Errc::corrupt);
  EXPECT_EQ(code_of([] { static_cast<void>(Json::object().at("k")); }), Errc::corrupt);
}

TEST(Json, DefaultsStandInForMissingAndNullMembersOnly) {
  const Json json = Json::parse(R"({"s":"x","i":-1,"u":2,"b":true,"n":null})", "the test");
  EXPECT_EQ(json.string_or("s", "d"), "x");
  EXPECT_EQ(json.string_or("n", "d"), "d");
  EXPECT_EQ(json.string_or("missing", "d"), "d");
  EXPECT_EQ(json.int_or("i", 9), -1);
  EXPECT_EQ(json.int_or("n", 9), 9);
  EXPECT_EQ(json.uint_or("u", 9), 2U);
  EXPECT_EQ(json.uint_or("missing", 9), 9U);
  EXPECT_TRUE(json.bool_or("b", false));
  EXPECT_TRUE(json.bool_or("n", true));
  EXPECT_EQ(code_of([&] { static_cast<void>(json.uint_or("i", 0)); }), Errc::corrupt);
  EXPECT_EQ(code_of([&] { static_cast<void>(json.string_or("b", "")); }), Errc::corrupt);
}

TEST(Json, WritesCompactInOrder) {
  Json json;
  json.set("b", 1)
      .set("a", Json::array().push("x").push(nullptr).push(true))
      .set("c", Json::object());
  json.set("b", -2);
  EXPECT_EQ(json.dump(), R"({"b":-2,"a":["x",null,true],"c":{}})");
  EXPECT_EQ(Json::array().dump(), "[]");
  EXPECT_EQ(Json::parse(json.dump(), "x"), json);
}

TEST(Json, WritesIndentedForPeople) {
  Json json;
  json.set("a", Json::array().push(1).push(Json::object())).set("b", "<");
  EXPECT_EQ(json.dump_indented(), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"\\u003c\"\n}");
}

TEST(Json, SetAndPushOnOtherKindsAreBugs) {
  EXPECT_EQ(code_of([] { Json(1).set("a", 1); }), Errc::bug);
  EXPECT_EQ(code_of([] { Json("x").push(1); }), Errc::bug);
}

TEST(Json, WritesDoublesAsGoDoes) {
  const std::array<std::pair<double, const char*>, 22> vectors{{
      {0.0, "0"},
      {-0.0, "-0"},
      {1.0, "1"},
      {-1.5, "-1.5"},
      {100.0, "100"},
      {123456789.0, "123456789"},
      {0.1, "0.1"},
      {1.0 / 3.0, "0.3333333333333333"},
      {12.625, "12.625"},
      {0.000001, "0.000001"},
      {0.00000123, "0.00000123"},
      {0.0000009, "9e-7"},
      {1.25e-7, "1.25e-7"},
      {1e-10, "1e-10"},
      {1e20, "100000000000000000000"},
      {123456789012345680000.0, "123456789012345680000"},
      {1e21, "1e+21"},
      {1.5e21, "1.5e+21"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {5e-324, "5e-324"},
      {9007199254740993.0, "9007199254740992"},
      {-2.5e-8, "-2.5e-8"},
  }};
  for (const auto& [value, text] : vectors) EXPECT_EQ(Json(value).dump(), text);
}

TEST(Json, NumbersThatAreNotFiniteAreBugs) {
  EXPECT_EQ(code_of([] { static_cast<void>(Json(std::nan("")).dump()); }), Errc::bug);
  EXPECT_EQ(code_of([] { static_cast<void>(Json(HUGE_VAL).dump()); }), Errc::bug);
}

TEST(Json, WritesIntegersPlain) {
  EXPECT_EQ(Json(UINT64_MAX).dump(), "18446744073709551615");
  EXPECT_EQ(Json(INT64_MIN).dump(), "-9223372036854775808");
  EXPECT_EQ(Json(0).dump(), "0");
}

TEST(Json, RefusesTextWithoutMemory) {
  EXPECT_THROW(static_cast<void>(Json::parse(std::string_view(), "nothing")), Error);
}

}  // namespace
}  // namespace holdfast

// SPDX-License-Identifier: Apache-2.0
#include "format/json_object.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::format {
namespace {

TEST(JsonObject, IsParsedOrRefusedByName) {
  EXPECT_EQ(parse_object(R"({"a":1})", "thing").at("a").as_uint(), 1U);
  for (const std::string_view bad :
       {std::string_view(), std::string_view(""), std::string_view("7"), std::string_view("[]"),
        std::string_view("{")}) {
    try {
      static_cast<void>(parse_object(bad, "thing"));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      EXPECT_NE(error.message().find("thing"), std::string::npos);
    }
  }
}

TEST(JsonObject, AppendsMembersBehindItsOwn) {
  Json json = Json::parse(R"({"a":1,"b":2})", "json");
  append_members(json, Json::parse(R"({"c":3,"a":4})", "json"));
  EXPECT_EQ(json.dump(), R"({"a":4,"b":2,"c":3})");
}

TEST(JsonObject, GivesNumbersOf32Bits) {
  const Json json = parse_object(R"({"a":4294967295,"b":4294967296,"c":null,"d":-1})", "thing");
  EXPECT_EQ(number32_or_zero(json, "a"), 4294967295U);
  EXPECT_THROW(static_cast<void>(number32_or_zero(json, "b")), Error);
  EXPECT_EQ(number32_or_zero(json, "c"), 0U);
  EXPECT_THROW(static_cast<void>(number32_or_zero(json, "d")), Error);
  EXPECT_EQ(number32_or_zero(json, "e"), 0U);
}

}  // namespace
}  // namespace holdfast::format

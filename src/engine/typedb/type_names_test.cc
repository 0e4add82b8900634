// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/type_names.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "engine/typedb/test_exports.h"

namespace holdfast::engine::typedb {
namespace {

std::string shown(std::string_view schema) {
  const TypeNames names = scan_schema(schema);
  std::string text;
  for (const auto& [label, kind] : names.types)
    text += fmt::format("{} {};", item_kind_name(kind), label);
  for (const std::string& role : names.roles) text += fmt::format("role {};", role);
  return text;
}

constexpr std::string_view people =
    "entity company;relation employment;attribute name;entity person;"
    "role employment:employee;role employment:employer;";

TEST(TypedbSchema, BothGenerationsAreRead) {
  EXPECT_EQ(shown(people_schema_2), people);
  EXPECT_EQ(shown(people_schema_3), people);
}

TEST(TypedbSchema, SubtypesAreOfTheKindOfTheirSupertype) {
  EXPECT_EQ(shown("define dog sub mammal; mammal sub animal, abstract; animal sub entity;"),
            "entity animal;entity dog;entity mammal;");
  EXPECT_EQ(shown("define entity dog sub animal; entity animal @abstract;"),
            "entity animal;entity dog;");
  EXPECT_EQ(shown("define dog sub! animal, owns name; animal owns name, sub entity;"),
            "entity animal;entity dog;");
  EXPECT_EQ(shown("define dog sub animal;"), "unknown dog;");
  EXPECT_EQ(shown("define a sub b; b sub a;"), "unknown a;unknown b;");
}

TEST(TypedbSchema, RolesBelongToTheRelationThatDeclaresThem) {
  EXPECT_EQ(shown("define relation fathership sub parentship, relates father as parent;\n"
                  "relation parentship, relates parent @card(1..2), relates child[];"),
            "relation fathership;relation parentship;role fathership:father;"
            "role parentship:child;role parentship:parent;");
}

TEST(TypedbSchema, RulesFunctionsAndCommentsDefineNoTypes) {
  EXPECT_EQ(shown("define # entity ghost;\n"
                  "p sub entity; n sub attribute, value string, regex \"a;b sub entity\\\"\";\n"
                  "rule r: when { $x isa p; $y sub entity; } then { $x has n 'q'; };"),
            "attribute n;entity p;");
  EXPECT_EQ(shown("define entity p; fun all($q: p) -> { p }:\n match $x isa p; $y sub q;\n"
                  "return { $x };\nstruct s: a value string;"),
            "entity p;");
}

// Each bracket and string once cost a count of all lines before it: hours for this one.
TEST(TypedbSchema, AnyNumberOfBracketsIsReadInOneGo) {
  std::string text = "define\n";
  for (int i = 0; i < 700'000; ++i) text += "()''\n";
  EXPECT_EQ(shown(text + "entity p;"), "entity p;");
}

TEST(TypedbSchema, StopEndsTheReading) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { static_cast<void>(scan_schema("define entity p;", stop.get_token())); }),
            Errc::cancelled);
}

TEST(TypedbSchema, LabelsMayHaveLettersOfAnyAlphabet) {
  EXPECT_EQ(shown("define entity größe-1, owns größe_2;"), "entity größe-1;");
}

TEST(TypedbSchema, WhatDoesNotEndIsToldWithItsLine) {
  const auto refusal = [](std::string_view schema) {
    try {
      static_cast<void>(scan_schema(schema));
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("none");
  };
  EXPECT_EQ(refusal("define\np sub entity;\nrule r: when { $x"),
            "the bracket of line 3 does not end");
  EXPECT_EQ(refusal("define\nn sub attribute, regex \"abc;\n"),
            "the string of line 2 does not end");
  EXPECT_EQ(refusal("define n sub attribute, regex \"abc\\"), "the string of line 1 does not end");
  EXPECT_EQ(refusal("define\n"), "the schema defines no type");
}

}  // namespace
}  // namespace holdfast::engine::typedb

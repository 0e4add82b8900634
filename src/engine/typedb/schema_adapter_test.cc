// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_adapter.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "engine/typedb/test_exports.h"
#include "engine/typedb/type_names.h"

namespace holdfast::engine::typedb {
namespace {

// As 2.29.1 prints a schema, missing spaces included.
constexpr std::string_view printed_by_2 =
    "define\n\n"
    "contact sub attribute, abstract, value string, regex \"never held\";\n"
    "email sub contact, value string, regex \"\\S+@\\S+\";\n"
    "name sub attribute, value string;\n"
    "age sub attribute, value long;\n"
    "parentship sub relation,owns age, relates child, relates parent;\n"
    "fathership sub parentship, relates father as parent;\n"
    "being sub entity, abstract,owns contact,owns name @unique,plays parentship:child;\n"
    "person sub being,owns name @key,owns email as contact,plays fathership:father,"
    "plays parentship:parent;\n";

constexpr std::string_view in_3 =
    "define\n"
    "\nattribute contact @abstract @independent,\n  value string;\n"
    "\nattribute email,\n  sub contact,\n"
    "  value string @regex(\"^(?:[^ \\t\\n\\x0B\\f\\r]+@[^ \\t\\n\\x0B\\f\\r]+)$\");\n"
    "\nattribute name @independent,\n  value string;\n"
    "\nattribute age @independent,\n  value integer;\n"
    "\nrelation parentship,\n  owns age @card(0..),\n  relates child @card(0..),\n"
    "  relates parent @card(0..);\n"
    "\nrelation fathership,\n  sub parentship,\n  relates father as parent @card(0..);\n"
    "\nentity being @abstract,\n  owns contact @card(0..),\n  owns name @unique @card(0..),\n"
    "  plays parentship:child;\n"
    "\nentity person,\n  sub being,\n  owns name @key,\n  owns email @card(0..),\n"
    "  plays fathership:father,\n  plays parentship:parent;\n";

std::string text_of(std::string_view schema) {
  const AdaptedSchema adapted = adapt_schema(schema);
  EXPECT_TRUE(adapted.open.empty()) << adapted.text;
  return adapted.text;
}

// "line what: why" of each open place.
std::string open_of(std::string_view schema) {
  std::string text;
  const AdaptedSchema adapted = adapt_schema(schema);
  for (const SchemaPlace& place : adapted.open) {
    text += fmt::format("{} {}: {}\n", place.line, place.what, place.why);
    EXPECT_EQ(place.mend.back(), '.');
    EXPECT_NE(adapted.text.find(fmt::format("# line {}: {}: {}. {}\n", place.line, place.what,
                                            place.why, place.mend)),
              std::string::npos);
  }
  return text;
}

TEST(TypedbSchemaAdapter, WhatTypedb2PrintsIsWrittenForTypedb3) {
  EXPECT_EQ(text_of(printed_by_2), in_3);
}

TEST(TypedbSchemaAdapter, BothTextsDefineTheSameTypesAndRoles) {
  for (const std::string_view schema : {printed_by_2, people_schema_2}) {
    const TypeNames before = scan_schema(schema), after = scan_schema(text_of(schema));
    EXPECT_EQ(before.types, after.types);
    EXPECT_EQ(before.roles, after.roles);
  }
}

TEST(TypedbSchemaAdapter, TheGenerationIsTold) {
  EXPECT_FALSE(is_typeql_3(printed_by_2));
  EXPECT_TRUE(is_typeql_3(in_3));
  EXPECT_TRUE(is_typeql_3(people_schema_3));
  EXPECT_TRUE(is_typeql_3("define fun f($x: p) -> { p }: match $x isa p; return { $x };"));
  EXPECT_FALSE(is_typeql_3("define struct sub entity; fun sub struct; entity abstract;"));
  EXPECT_FALSE(is_typeql_3(""));
}

TEST(TypedbSchemaAdapter, EveryValueTypeOf2IsKnown) {
  EXPECT_EQ(text_of("define a sub attribute, value long; b sub attribute, value double;"
                    "c sub attribute, value boolean; d sub attribute, value datetime;"),
            "define\n\nattribute a @independent,\n  value integer;\n"
            "\nattribute b @independent,\n  value double;\n"
            "\nattribute c @independent,\n  value boolean;\n"
            "\nattribute d @independent,\n  value datetime;\n");
  EXPECT_EQ(open_of("define a sub attribute, value decimal; b sub attribute;\n c sub b, abstract;"),
            "1 attribute a: TypeDB 2 has no value type \"decimal\"\n"
            "1 attribute b: it has no value type\n"
            "2 c is abstract: b above it is not, as it must be in TypeDB 3\n");
}

TEST(TypedbSchemaAdapter, StatementsOfATypeAreOneInTheEnd) {
  EXPECT_EQ(text_of("define p owns n; n value string; # as people write it\n"
                    "define n sub attribute; p sub! entity, owns n @key, owns n;"),
            "define\n\nentity p,\n  owns n @key;\n\nattribute n @independent,\n  value string;\n");
  EXPECT_EQ(text_of("define entity abstract; thing sub thing; person sub entity;"),
            "define\n\nentity person;\n");
  EXPECT_EQ(text_of("define\n"), "");
}

TEST(TypedbSchemaAdapter, WhatASupertypeHasIsSaidAgainOnlyMoreStrictly) {
  EXPECT_EQ(text_of("define n sub attribute, value string; r sub relation, relates x;\n"
                    "a sub entity, owns n @unique, plays r:x; b sub a, owns n, plays r:x;\n"
                    "c sub b, owns n @key; d sub c, owns n @key; e sub entity, owns n;"),
            "define\n\nattribute n @independent,\n  value string;\n"
            "\nrelation r,\n  relates x @card(0..);\n"
            "\nentity a,\n  owns n @unique @card(0..),\n  plays r:x;\n\nentity b,\n  sub a;\n"
            "\nentity c,\n  sub b,\n  owns n @key;\n\nentity d,\n  sub c;\n"
            "\nentity e,\n  owns n @card(0..);\n");
}

TEST(TypedbSchemaAdapter, RolesAreNamedByTheRelationThatDeclaresThem) {
  EXPECT_EQ(text_of("define p sub entity, plays s:x as x; s sub r, relates y; r sub relation,\n"
                    "relates x;"),
            "define\n\nentity p,\n  plays r:x;\n\nrelation s,\n  sub r,\n  relates y @card(0..);\n"
            "\nrelation r,\n  relates x @card(0..);\n");
  EXPECT_EQ(open_of("define r sub relation, relates x;\ns sub r, relates x;\n"
                    "p sub entity, plays r:z, plays q:x, owns r;"),
            "2 s relates x: r has a role of that name, and TypeDB 3 takes no second one below it\n"
            "3 p plays r:z: no such role is defined here\n"
            "3 p plays q:x: no such role is defined here\n"
            "3 p owns r: no such attribute is defined here\n");
}

TEST(TypedbSchemaAdapter, RulesAreLeftOutAndNamed) {
  constexpr std::string_view schema =
      "define\np sub entity, owns n;\nn sub attribute, value string;\n"
      "rule all-named: when { $x isa p; not { $x has n 'a;b'; }; } then { $x has n 'q'; };\n"
      "rule old;\n rule sub entity;";
  EXPECT_EQ(open_of(schema),
            "4 rule all-named: TypeDB 3 has functions in place of rules; nothing that was inferred "
            "is in an export\n"
            "5 rule old: TypeDB 3 has functions in place of rules; nothing that was inferred is in "
            "an export\n");
  EXPECT_EQ(scan_schema(adapt_schema(schema).text).types.size(), 3U);
}

TEST(TypedbSchemaAdapter, WhatAttributesOwnOrPlayIsNamed) {
  constexpr std::string_view schema =
      "define name sub attribute, value string, owns lang, plays r:x; lang sub attribute,\n"
      "value string; r sub relation, relates x;";
  EXPECT_EQ(open_of(schema),
            "1 name owns lang: attributes of TypeDB 3 own nothing\n"
            "1 name plays r:x: attributes of TypeDB 3 play no role\n");
  EXPECT_NE(adapt_schema(schema).text.find("\nattribute name @independent,\n  value string;\n"),
            std::string::npos);
}

TEST(TypedbSchemaAdapter, ReservedWordsAreNamed) {
  EXPECT_EQ(open_of("define links sub relation,\nrelates from; end sub entity; date sub attribute,"
                    "value datetime;"),
            "1 links: \"links\" is a reserved word of TypeQL 3\n"
            "2 links relates from: \"from\" is a reserved word of TypeQL 3\n"
            "2 end: \"end\" is a reserved word of TypeQL 3\n");
}

TEST(TypedbSchemaAdapter, RegularExpressionsThatRustDoesNotHaveAreNamed) {
  EXPECT_EQ(open_of("define\na sub attribute, value string, regex '(?=b)\nc';\n"
                    "b sub attribute, value long, regex '1';"),
            "2 regex of a: it looks ahead or behind, or sets flags\n"
            "4 regex of b: only strings have one\n");
  EXPECT_EQ(text_of("define a sub attribute, value string, regex '^\"a/\\/$';"),
            "define\n\nattribute a @independent,\n  value string @regex(\"^\\\"a//$\");\n");
}

TEST(TypedbSchemaAdapter, TypesWithoutARootAreNamed) {
  EXPECT_EQ(open_of("define a sub b; b sub a;\nc sub ghost; d sub c; e owns f;\ng sub entity,"
                    "relates h, value long; thing owns x; a sub entity;"),
            "1 a: its supertype b leads to no entity, relation or attribute\n"
            "1 b: its supertype a leads to no entity, relation or attribute\n"
            "2 c: its supertype ghost is not defined here\n"
            "2 d: its supertype c leads to no entity, relation or attribute\n"
            "2 e: nothing here says what it is\n"
            "3 thing: root types have nothing of their own\n"
            "3 \"sub\" of a: this is no constraint of TypeQL 2\n"
            "3 g: it is no attribute, yet has a value\n"
            "3 g relates h: it is no relation\n");
}

TEST(TypedbSchemaAdapter, WhatIsNotUnderstoodIsNamed) {
  EXPECT_EQ(open_of("define p sub entity, owns n @card(0..1), plays x, \"s\", type q, owns $a;\n"
                    "$x sub p; r:x plays y; p p; n sub attribute, value string, relates a @key;"
                    "abstract sub entity;"),
            "1 \"owns\" of p: this is no constraint of TypeQL 2\n"
            "1 \"plays\" of p: this is no constraint of TypeQL 2\n"
            "1 a string of p: this is no constraint of TypeQL 2\n"
            "1 \"type\" of p: this is no constraint of TypeQL 2\n"
            "1 \"owns\" of p: this is no constraint of TypeQL 2\n"
            "2 \"$x\": this is no definition of a type\n"
            "2 r:…: roles are defined by their relations alone\n"
            "2 \"p\" of p: this is no constraint of TypeQL 2\n"
            "2 \"relates\" of n: this is no constraint of TypeQL 2\n"
            "2 \"abstract\": this is no definition of a type\n");
}

TEST(TypedbSchemaAdapter, WhatIsNoSchemaIsCorrupt) {
  const auto refusal = [](std::string_view schema) {
    try {
      static_cast<void>(adapt_schema(schema));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::corrupt);
      return error.message();
    }
    return std::string("none");
  };
  EXPECT_EQ(refusal("define a sub entity;\ninsert $x isa a;"),
            "line 2 is no definition: \"insert\"");
  EXPECT_EQ(refusal("define\nrule r: when { $x"), "the bracket of line 2 does not end");
  EXPECT_EQ(refusal("define a sub attribute, regex \"b;\n"), "the string of line 1 does not end");
  EXPECT_EQ(refusal("define a\xff sub entity;"), "the schema is no UTF-8");
  EXPECT_EQ(refusal(std::string((4U << 20U) + 1, ' ')), "the schema has more than 4194304 bytes");
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "$x;";
  EXPECT_EQ(refusal(many), "the schema has more than 10000 places that cannot be adapted");
  many.clear();
  for (int i = 0; i < 100'001; ++i) many += fmt::format("a{} sub entity;", i);
  EXPECT_EQ(refusal(many), "the schema has more than 100000 types");
}

TEST(TypedbSchemaAdapter, StopEndsTheReading) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] { static_cast<void>(adapt_schema(people_schema_2, stop.get_token())); }),
            Errc::cancelled);
}

// A chain of supertypes, each of which says again what the first one had: walks to the root for
// each type would take minutes, and recursion all of the stack.
TEST(TypedbSchemaAdapter, LongChainsOfSupertypesTakeTheirLengthInTime) {
  std::string text = "define n sub attribute, value string; t0 sub entity, owns n;\n";
  for (int i = 1; i < 20'000; ++i) text += fmt::format("t{} sub t{}, owns n;\n", i, i - 1);
  const AdaptedSchema adapted = adapt_schema(text);
  EXPECT_TRUE(adapted.open.empty());
  EXPECT_NE(adapted.text.find("\nentity t19999,\n  sub t19998;\n"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::engine::typedb

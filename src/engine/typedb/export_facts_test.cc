// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_facts.h"

#include <gtest/gtest.h>

namespace holdfast::engine::typedb {
namespace {

TEST(TypedbSchemaDigest, IsTheSameInWhateverOrderTheSameIsDefined) {
  const std::string digest = schema_digest(
      "define\n  entity person, owns name @key, plays employment:employee;\n"
      "  attribute name, value string @regex(\"a # b\");\n");
  EXPECT_EQ(schema_digest("define # anew\nattribute name, value string @regex(\"a # b\");\n"
                          "define entity person, plays employment:employee, owns name @key;"),
            digest);
  for (const char* other : {"define entity person, owns name @key, plays employment:employee;"
                            " attribute name, value string @regex(\"a # c\");",
                            "define entity person, owns name @card(1), plays employment:employee;"
                            " attribute name, value string @regex(\"a # b\");",
                            "define entity person, owns name, plays employment:employee;"
                            " attribute name, value string @regex(\"a # b\");",
                            ""})
    EXPECT_NE(schema_digest(other), digest) << other;
  // No two words are taken for one.
  EXPECT_NE(schema_digest("ab c"), schema_digest("a bc"));
  EXPECT_NO_THROW(schema_digest("entity \"open"));
}

TEST(TypedbSchemaDigest, KnowsWhatDefinesNothing) {
  for (const char* text : {"", "define", "\n define\n# entity person;\n", ";"})
    EXPECT_TRUE(defines_nothing(text)) << text;
  for (const char* text : {"define entity person;", "\"", "fun f() -> { integer }:"})
    EXPECT_FALSE(defines_nothing(text)) << text;
}

TEST(TypedbExportFacts, KnowWhichCopiesAreExports) {
  model::DatabaseFacts facts;
  EXPECT_FALSE(is_export_copy(facts.engine_facts));
  tell_schema("shop", "define entity person;", facts);
  EXPECT_TRUE(is_export_copy(facts.engine_facts));
  EXPECT_EQ(facts.engine_facts.at("database").as_string(), "shop");
  ASSERT_EQ(facts.objects.size(), 1U);
  EXPECT_EQ(facts.objects[0].definition_sha256, schema_digest("define entity person;"));
  EXPECT_FALSE(is_export_copy(Json::object().set("form", 1)));
}

}  // namespace
}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/scripts.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "engine/mariadb/script.h"

namespace holdfast::engine::mariadb {
namespace {

SchemaDef with_code(CodeDef code) {
  SchemaDef schema;
  schema.name = "shop";
  schema.collation = "latin1_swedish_ci";
  schema.code.push_back(std::move(code));
  return schema;
}

CodeDef procedure(std::string create) {
  CodeDef code;
  code.kind = CodeKind::procedure;
  code.name = "p";
  code.create = std::move(create);
  code.character_set = "utf8mb4";
  code.collation = "utf8mb4_general_ci";
  return code;
}

std::vector<std::string> statements(const std::string& text) {
  BytesSource source(as_bytes(text));
  Script script(source);
  std::vector<std::string> result;
  while (const auto statement = script.next()) result.push_back(statement->text);
  EXPECT_FALSE(script.ended_within());
  return result;
}

TEST(MariadbScripts, EndCodeThatEndsWithAComment) {
  for (const char* create :
       {"CREATE PROCEDURE `p`()\nSELECT 1 -- hi", "CREATE PROCEDURE `p`()\nSELECT ';;' # ;;;",
        "CREATE PROCEDURE `p`()\nBEGIN SELECT 1; END"}) {
    const auto all = statements(objects_script(with_code(procedure(create))));
    EXPECT_NE(std::find(all.begin(), all.end(), std::string(create) + "\n"), all.end()) << create;
  }
}

TEST(MariadbScripts, RefuseCodeWhoseBytesLookLikeQuotes) {
  // Shift-JIS: the second byte of this character is a backslash.
  CodeDef code = procedure("CREATE PROCEDURE `p`()\nSELECT '\x95\x5c'");
  code.character_set = "sjis";
  try {
    static_cast<void>(objects_script(with_code(code)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find("procedure p"), std::string::npos);
  }
  code.create = "CREATE PROCEDURE `p`()\nSELECT '\x95\x41'";
  EXPECT_NO_THROW(static_cast<void>(objects_script(with_code(code))));
}

TEST(MariadbScripts, KeepBrokenViewsApart) {
  CodeDef view = procedure("CREATE VIEW `p` AS select `gone`.`a` AS `a` from `gone`");
  view.kind = CodeKind::view;
  view.broken = true;
  EXPECT_EQ(objects_script(with_code(view)).find("gone"), std::string::npos);
  EXPECT_NE(broken_script(with_code(view)).find("gone"), std::string::npos);
  view.broken = false;
  EXPECT_EQ(broken_script(with_code(view)), "");
}

TEST(MariadbScripts, MakeCodeUnderTheCollationThatItsSchemaHad) {
  CodeDef code = procedure("CREATE PROCEDURE `p`(a CHAR(1)) SELECT a");
  code.database_collation = "utf8mb4_czech_ci";
  const auto all = statements(objects_script(with_code(code)));
  const auto made = std::find(all.begin(), all.end(), code.create + "\n");
  ASSERT_NE(made, all.end());
  EXPECT_EQ(*(made - 1), "ALTER DATABASE COLLATE utf8mb4_czech_ci\n");
  EXPECT_EQ(all.back(), "ALTER DATABASE COLLATE latin1_swedish_ci");
}

TEST(MariadbScripts, SetWhatEachServerKnows) {
  const auto has = [](const std::vector<std::string>& settings, std::string_view word) {
    return std::any_of(settings.begin(), settings.end(),
                       [&](const std::string& one) { return one.find(word) != std::string::npos; });
  };
  EXPECT_TRUE(has(load_settings(true, 101'119), "check_constraint_checks=0"));
  EXPECT_FALSE(has(load_settings(true, 100'300), "explicit_defaults"));
  // MySQL: sql_require_primary_key since 8.0.13, invisible keys since 8.0.30,
  // restrict_fk_on_non_standard_key since 8.4.0.
  EXPECT_FALSE(has(load_settings(false, 50'744), "sql_require_primary_key"));
  EXPECT_TRUE(has(load_settings(false, 80'013), "sql_require_primary_key=0"));
  EXPECT_FALSE(has(load_settings(false, 80'013), "invisible"));
  EXPECT_TRUE(has(load_settings(false, 80'400), "restrict_fk_on_non_standard_key=0"));
  EXPECT_FALSE(has(load_settings(false, 80'400), "check_constraint_checks"));
}

}  // namespace
}  // namespace holdfast::engine::mariadb

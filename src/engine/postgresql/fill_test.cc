// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/fill.h"

#include <gtest/gtest.h>

namespace holdfast::engine::postgresql {
namespace {

TEST(ShownStatement, KeepsPasswordsToItself) {
  for (const char* text :
       {"CREATE USER MAPPING FOR \"ann\" SERVER \"far\" OPTIONS (\n    \"password\" 'geheim'\n)",
        "CREATE SERVER \"far\" FOREIGN DATA WRAPPER \"w\" OPTIONS (password 'geheim')",
        "ALTER SERVER far OPTIONS (ADD token 'geheim')",
        "CREATE FOREIGN DATA WRAPPER w OPTIONS (token 'geheim')",
        "CREATE SUBSCRIPTION \"s\" CONNECTION 'host=h password=geheim' PUBLICATION p",
        "ALTER ROLE ann WITH LOGIN PASSWORD 'geheim'", "CREATE ROLE ann PASSWORD 'geheim'",
        "CREATE USER ann ENCRYPTED PASSWORD 'geheim'", "create user \"PASSWORD\" password 'geheim'",
        "ALTER ROLE ann SET \"my.secret\" TO 'geheim'"}) {
    const std::string shown = shown_statement(text);
    EXPECT_EQ(shown.find("geheim"), std::string::npos) << shown;
    EXPECT_GT(shown.size(), 10U) << text;
  }
  EXPECT_EQ(shown_statement("CREATE USER MAPPING FOR \"ann\" SERVER \"far\" OPTIONS (a 'b')"),
            "CREATE USER MAPPING FOR \"ann\" SERVER \"far\" …");
  EXPECT_EQ(shown_statement("CREATE TABLE a (\n  b text DEFAULT 'c')"),
            "CREATE TABLE a (   b text DEFAULT 'c')");
  EXPECT_EQ(shown_statement(std::string(200, 'x')), std::string(120, 'x') + " …");
}

}  // namespace
}  // namespace holdfast::engine::postgresql

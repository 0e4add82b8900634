// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_regex.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast::engine::typedb {
namespace {

std::string adapted(std::string_view regex) {
  const AdaptedRegex made = adapt_regex(regex);
  return made.why.empty() ? made.text : "open: " + made.why;
}

TEST(TypedbSchemaRegex, IsHeldAgainstTheWholeValue) {
  EXPECT_EQ(adapted("[a-z]+"), "^(?:[a-z]+)$");
  EXPECT_EQ(adapted("^[a-z]+$"), "^[a-z]+$");
  EXPECT_EQ(adapted("^(a|b)$"), "^(?:^(a|b)$)$");
  EXPECT_EQ(adapted("^a|b$"), "^(?:^a|b$)$");
  EXPECT_EQ(adapted("^a\\$"), "^(?:^a\\$)$");
  EXPECT_EQ(adapted(""), "^(?:)$");
}

TEST(TypedbSchemaRegex, ClassesOfJavaAreThoseOfAscii) {
  EXPECT_EQ(adapted("^\\d\\D$"), "^[0-9][^0-9]$");
  EXPECT_EQ(adapted("^[\\w-.]+@\\W$"), "^[[a-zA-Z0-9_]-.]+@[^a-zA-Z0-9_]$");
  EXPECT_EQ(adapted("^\\s\\S$"), "^[ \\t\\n\\x0B\\f\\r][^ \\t\\n\\x0B\\f\\r]$");
}

TEST(TypedbSchemaRegex, EscapesAreThoseThatBothHave) {
  EXPECT_EQ(adapted("^https?:\\/\\/a\\.b$"), "^https?://a\\.b$");
  EXPECT_EQ(adapted("^\\<a\\ b\\>\\-$"), "^<a b>\\-$");  // \< is where a word begins in Rust's
  EXPECT_EQ(adapted("^\"\\\"'$"), "^\\\"\\\"'$");
  EXPECT_EQ(adapted("^\\p{L}\\pN\\t\\x41$"), "^\\p{L}\\pN\\t\\x41$");
  EXPECT_EQ(adapted("^(?i)(?:a)$"), "^(?i)(?:a)$");
}

TEST(TypedbSchemaRegex, WhatRustDoesNotHaveIsNamed) {
  for (const std::string_view regex :
       {"(?=a)", "(?<!a)b", "(a)\\1", "a\\b", "\\QA\\E", "a++", "a{2}+", "\\p{Alpha}", "\\p{L",
        "[a--b]", "(?x)a #", "a)|(b", "[a", "a\\"})
    EXPECT_EQ(adapted(regex).substr(0, 6), "open: ") << regex;
  EXPECT_EQ(adapt_regex("(?=a)").text, "(?=a)");
}

}  // namespace
}  // namespace holdfast::engine::typedb

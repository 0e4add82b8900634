// SPDX-License-Identifier: Apache-2.0
#include "cli/variables.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/fd.h"

namespace holdfast::cli {
namespace {

TEST(Variables, TriesOurNameBeforeRestics) {
  Variables variables;
  EXPECT_FALSE(variables.find("HOST"));
  variables.set("RESTIC_HOST", "theirs");
  EXPECT_EQ(variables.find("HOST"), "theirs");
  EXPECT_EQ(variables.full_name("HOST"), "RESTIC_HOST");
  variables.set("HOLDFAST_HOST", "");
  EXPECT_EQ(variables.find("HOST"), "theirs");
  variables.set("HOLDFAST_HOST", "ours");
  EXPECT_EQ(variables.find("HOST"), "ours");
  EXPECT_EQ(variables.full_name("HOST"), "HOLDFAST_HOST");
}

TEST(Variables, TakesPasswordsOutOfTheEnvironment) {
  ::setenv("RESTIC_PASSWORD", "geheim", 1);
  ::setenv("HOLDFAST_TEST_PLAIN", "stays", 1);
  const char* const memory = std::getenv("RESTIC_PASSWORD");
  const Variables variables = take_variables();
  EXPECT_EQ(std::getenv("RESTIC_PASSWORD"), nullptr);
  EXPECT_EQ(std::string_view(memory, 6), std::string_view("\0\0\0\0\0\0", 6));
  ASSERT_NE(variables.find_secret("RESTIC_PASSWORD"), nullptr);
  EXPECT_EQ(variables.find_secret("RESTIC_PASSWORD")->reveal(), "geheim");
  EXPECT_FALSE(variables.find("PASSWORD"));
  EXPECT_EQ(variables.find("TEST_PLAIN"), "stays");
  ::unsetenv("HOLDFAST_TEST_PLAIN");
}

}  // namespace
}  // namespace holdfast::cli

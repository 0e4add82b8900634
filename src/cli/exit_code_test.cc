// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/fd.h"
#include "cli/text.h"

namespace holdfast::cli {
namespace {

TEST(ExitCode, IsResticsWhereResticHasOne) {
  EXPECT_EQ(exit_code(Errc::usage), 1);
  EXPECT_EQ(exit_code(Errc::incomplete), 3);
  EXPECT_EQ(exit_code(Errc::no_repository), 10);
  EXPECT_EQ(exit_code(Errc::locked), 11);
  EXPECT_EQ(exit_code(Errc::wrong_password), 12);
  EXPECT_EQ(exit_code(Errc::cancelled), 130);
}

TEST(ExitCode, IsOursWhereResticHasNone) {
  EXPECT_EQ(exit_code(Errc::bug), 2);
  EXPECT_EQ(exit_code(Errc::blocked), 20);
  EXPECT_EQ(exit_code(Errc::differs), 21);
  EXPECT_EQ(exit_code(Errc::not_consistent), 22);
}

// docs/errors.md has a section for each name, "## `no_space`", with a line "Exit code: 1.".
TEST(ExitCode, IsDocumentedForEveryName) {
  std::map<std::string, std::string> documented;
  std::string name;
  for (const std::string& line : lines_of(read_text_file(HOLDFAST_SOURCE_DIR "/docs/errors.md"))) {
    if (line.starts_with("## `") && line.ends_with('`')) name = line.substr(4, line.size() - 5);
    if (line.starts_with("Exit code: ")) documented[name] = line.substr(11);
  }
  for (const Errc code : all_errc()) {
    const std::string errc(errc_name(code));
    EXPECT_EQ(documented[errc], fmt::format("{}.", exit_code(code))) << errc;
    documented.erase(errc);
  }
  EXPECT_TRUE(documented.empty()) << "no such name: " << documented.begin()->first;
}

}  // namespace
}  // namespace holdfast::cli

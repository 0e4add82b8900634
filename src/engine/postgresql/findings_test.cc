// SPDX-License-Identifier: Apache-2.0
// Every code that this engine finds is in the documentation.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/fd.h"

namespace holdfast::engine::postgresql {
namespace {

TEST(PostgresqlFindings, AreAllListedInTheDocumentation) {
  const std::string page = read_text_file(HOLDFAST_SOURCES "/docs/findings.md");
  std::set<std::string> codes;
  for (const auto& entry :
       std::filesystem::directory_iterator(HOLDFAST_SOURCES "/src/engine/postgresql")) {
    if (entry.path().extension() != ".cc" || entry.path().stem().native().ends_with("_test"))
      continue;
    const std::string source = read_text_file(entry.path());
    for (std::size_t at = source.find("\"postgresql-"); at != std::string::npos;
         at = source.find("\"postgresql-", at + 1)) {
      const std::size_t begin = at + 1;
      codes.insert(source.substr(begin, source.find('"', begin) - begin));
    }
  }
  EXPECT_GE(codes.size(), 22U);
  for (const std::string& code : codes)
    EXPECT_NE(page.find("| `" + code + "` |"), std::string::npos) << code;
}

}  // namespace
}  // namespace holdfast::engine::postgresql

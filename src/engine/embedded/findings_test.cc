// SPDX-License-Identifier: Apache-2.0
// Every code that these engines find is in the documentation.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "base/fd.h"

namespace holdfast::engine::embedded {
namespace {

// What stands in quotes after `before`, in the sources of a folder.
std::set<std::string> quoted_in(const std::string& folder, const std::string& before) {
  std::set<std::string> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(HOLDFAST_SOURCES "/src/engine/" + folder)) {
    if (entry.path().extension() != ".cc" || entry.path().stem().native().ends_with("_test"))
      continue;
    const std::string source = read_text_file(entry.path());
    for (std::size_t at = source.find(before); at != std::string::npos;
         at = source.find(before, at + 1)) {
      const std::size_t begin = source.find('"', at) + 1;
      found.insert(source.substr(begin, source.find('"', begin) - begin));
    }
  }
  return found;
}

TEST(EmbeddedFindings, AreAllListedInTheDocumentation) {
  const std::string page = read_text_file(HOLDFAST_SOURCES "/docs/findings.md");
  std::set<std::string> codes;
  for (const std::string engine : {"derby", "h2"}) {
    for (const std::string& code : quoted_in(engine, "\"" + engine + "-")) {
      if (code.size() > engine.size() + 1) codes.insert(code);
    }
    for (const std::string& code : quoted_in("embedded", "find(\"")) {
      const bool is_code = code.find('_') == std::string::npos;
      if (is_code && (engine == "derby" || code != "stale-lock")) codes.insert(engine + "-" + code);
    }
  }
  EXPECT_GE(codes.size(), 26U);
  for (const std::string& code : codes)
    EXPECT_NE(page.find("| `" + code + "` |"), std::string::npos) << code;
}

}  // namespace
}  // namespace holdfast::engine::embedded

// SPDX-License-Identifier: Apache-2.0
// The documentation lists every code that the reader of Data Pump files finds, with its severities,
// and no other.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/fd.h"

namespace holdfast::engine::oracle {
namespace {

using Codes = std::map<std::string, std::set<std::string>>;

Codes in_sources() {
  Codes codes;
  const std::string before = "\"oracle-pump-", severity = "Severity::";
  for (const auto& entry :
       std::filesystem::directory_iterator(HOLDFAST_SOURCES "/src/engine/oracle")) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".cc" || path.stem().native().ends_with("_test")) continue;
    const std::string source = read_text_file(path);
    for (std::size_t at = source.find(before); at != std::string::npos;
         at = source.find(before, at + 1)) {
      const std::size_t end = source.find('"', at + 1);
      const std::size_t word = source.find(severity, end) + severity.size();
      codes[source.substr(at + 1, end - at - 1)].insert(
          source.substr(word, source.find(',', word) - word));
    }
  }
  return codes;
}

Codes in_documentation() {
  const std::string page = read_text_file(HOLDFAST_SOURCES "/docs/findings.md");
  Codes codes;
  const std::string before = "| `oracle-pump-";
  for (std::size_t at = page.find(before); at != std::string::npos;
       at = page.find(before, at + 1)) {
    const std::size_t end = page.find('`', at + before.size());
    const std::size_t column = page.find('|', end);
    const std::string told = page.substr(column, page.find('|', column + 1) - column);
    for (const char* severity : {"blocker", "warning", "note"})
      if (told.find(severity) != std::string::npos)
        codes[page.substr(at + 3, end - at - 3)].insert(severity);
  }
  return codes;
}

TEST(PumpFindings, AreThoseOfTheDocumentation) {
  EXPECT_EQ(in_sources(), in_documentation());
}

}  // namespace
}  // namespace holdfast::engine::oracle

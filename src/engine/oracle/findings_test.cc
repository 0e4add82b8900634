// SPDX-License-Identifier: Apache-2.0
// The documentation lists every code that these readers find, with its severities, and no other.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/fd.h"

namespace holdfast::engine::oracle {
namespace {

using Severities = std::set<std::string>;

// The first severity behind `at`, and more if it depends on something.
Severities severities_in(const std::string& source, std::size_t at) {
  Severities found;
  at = source.find("Severity::", at);
  const std::size_t end = source.find_first_of(",;", at);
  for (; at < end; at = source.find("Severity::", at + 1)) {
    const std::size_t word = at + std::string_view("Severity::").size();
    found.insert(
        source.substr(word, source.find_first_not_of("abcdefghijklmnopqrstuvwxyz", word) - word));
  }
  return found;
}

std::map<std::string, Severities> in_sources() {
  std::map<std::string, Severities> codes;
  const std::string before = "\"oracle-exp-";
  for (const auto& entry :
       std::filesystem::directory_iterator(HOLDFAST_SOURCES "/src/engine/oracle")) {
    if (entry.path().extension() != ".cc" || entry.path().stem().native().ends_with("_test"))
      continue;
    const std::string source = read_text_file(entry.path());
    for (std::size_t at = source.find(before); at != std::string::npos;
         at = source.find(before, at + 1)) {
      const std::size_t end = source.find('"', at + 1);
      codes[source.substr(at + 1, end - at - 1)].merge(severities_in(source, end));
    }
  }
  return codes;
}

std::map<std::string, Severities> in_documentation() {
  const std::string page = read_text_file(HOLDFAST_SOURCES "/docs/findings.md");
  std::map<std::string, Severities> codes;
  const std::string before = "| `oracle-exp-";
  for (std::size_t at = page.find(before); at != std::string::npos;
       at = page.find(before, at + 1)) {
    const std::size_t end = page.find('`', at + before.size());
    const std::size_t column = page.find('|', end);
    const std::string told = page.substr(column, page.find('|', column + 1) - column);
    Severities& severities = codes[page.substr(at + 3, end - at - 3)];
    for (const char* severity : {"blocker", "warning", "note"})
      if (told.find(severity) != std::string::npos) severities.insert(severity);
  }
  return codes;
}

TEST(OracleFindings, AreThoseOfTheDocumentation) {
  EXPECT_EQ(in_sources(), in_documentation());
}

}  // namespace
}  // namespace holdfast::engine::oracle

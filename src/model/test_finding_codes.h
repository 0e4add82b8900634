// SPDX-License-Identifier: Apache-2.0
// Codes of findings with their severities, as sources make them and as docs/findings.md lists them.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace holdfast::model {

using FindingCodes = std::map<std::string, std::set<std::string>>;

// Of string literals that begin with `prefix`; each has the first severity behind it, and more
// where that depends on something.
inline FindingCodes codes_in_source(const std::filesystem::path& file, const std::string& prefix) {
  constexpr std::string_view severity = "Severity::";
  const std::string source = read_text_file(file);
  FindingCodes codes;
  for (std::size_t at = 0; (at = source.find('"' + prefix, at)) != std::string::npos;) {
    const std::size_t end = source.find('"', at + 1);
    std::set<std::string>& found = codes[source.substr(at + 1, end - at - 1)];
    std::size_t word = source.find(severity, end);
    const std::size_t last = source.find_first_of(",;", word);
    for (; word < last; word = source.find(severity, word)) {
      word += severity.size();
      const std::size_t after = source.find_first_not_of("abcdefghijklmnopqrstuvwxyz", word);
      found.insert(source.substr(word, after - word));
    }
    at = end;
  }
  return codes;
}

// The same of all sources below a folder but tests.
inline FindingCodes codes_in_folder(const std::filesystem::path& folder,
                                    const std::string& prefix) {
  FindingCodes codes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::path& file = entry.path();
    if (file.extension() != ".cc" || file.stem().native().ends_with("_test")) continue;
    for (auto& [code, severities] : codes_in_source(file, prefix)) codes[code].merge(severities);
  }
  return codes;
}

// Of the tables of docs/findings.md in these sources.
inline FindingCodes codes_in_page(const std::filesystem::path& sources, const std::string& prefix) {
  const std::string page = read_text_file(sources / "docs/findings.md");
  FindingCodes codes;
  for (std::size_t at = 0; (at = page.find("| `" + prefix, at)) != std::string::npos;) {
    const std::size_t end = page.find('`', at + 3);
    const std::size_t column = page.find('|', end);
    const std::string told = page.substr(column, page.find('|', column + 1) - column);
    std::set<std::string>& severities = codes[page.substr(at + 3, end - at - 3)];
    for (const char* severity : {"blocker", "warning", "note"})
      if (told.find(severity) != std::string::npos) severities.insert(severity);
    at = end;
  }
  return codes;
}

}  // namespace holdfast::model

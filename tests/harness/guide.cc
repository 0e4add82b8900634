// SPDX-License-Identifier: Apache-2.0
#include "harness/guide.h"

#include <algorithm>
#include <regex>
#include <sstream>

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" `");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" `") - first + 1);
}

}  // namespace

fs::path source_path(std::string_view name) {
  return fs::path(HOLDFAST_SOURCE_DIR) / name;
}

GuideText::GuideText(std::string_view name) {
  std::istringstream text(read_text(source_path("docs/guide/" + std::string(name) + ".md")));
  for (std::string line; std::getline(text, line);) lines_.push_back(line);
}

std::vector<std::string> GuideText::commands() const {
  std::vector<std::string> found;
  bool is_inside = false;
  for (const std::string& line : lines_) {
    if (line.starts_with("```")) {
      is_inside = line == "```sh";
    } else if (is_inside) {
      found.push_back(line);
    }
  }
  return found;
}

std::vector<std::vector<Cells>> GuideText::tables(std::string_view heading) const {
  std::vector<std::vector<Cells>> found;
  bool is_inside = false;
  for (const std::string& line : lines_) {
    if (line.starts_with(heading)) {
      is_inside = true;
      found.emplace_back();
    } else if (!line.starts_with("|")) {
      is_inside = false;
    } else if (is_inside && !line.starts_with("| ---")) {
      std::istringstream cells(line.substr(1));
      Cells& row = found.back().emplace_back();
      for (std::string cell; std::getline(cells, cell, '|');) row.push_back(trimmed(cell));
    }
  }
  return found;
}

std::vector<Cells> GuideText::rows(std::string_view heading) const {
  const auto all = tables(heading);
  return all.empty() ? std::vector<Cells>{} : all.front();
}

std::string GuideText::text_from(std::string_view line) const {
  std::string text;
  for (auto at = std::find(lines_.begin(), lines_.end(), line); at != lines_.end(); ++at)
    text += *at + "\n";
  return text;
}

std::vector<std::string> tests_of_the_sources() {
  static const std::regex head(R"(\nTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::vector<std::string> found;
  for (const char* const room : {"src", "tests"}) {
    for (const auto& file : fs::recursive_directory_iterator(source_path(room))) {
      if (!file.path().filename().native().ends_with("_test.cc")) continue;
      const std::string text = read_text(file.path());
      for (std::sregex_iterator at(text.begin(), text.end(), head), end; at != end; ++at)
        found.push_back((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return found;
}

bool is_answer(Place& place, const std::string& answer) {
  for (const char* const page : {"docs/findings.md", "docs/instance-file.md"}) {
    if (read_text(source_path(page)).find("| `" + answer + "` |") != std::string::npos) return true;
  }
  return place.holdfast({"help", answer}).exit_code == 0;
}

}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// What a guide promises: the commands it shows, and tables that answer a vendor's page with
// findings, verbs and tests. Tests of guides hold these to what there is.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/program.h"

namespace holdfast::test {

using Cells = std::vector<std::string>;

// A file of the source tree, by its path in that.
[[nodiscard]] std::filesystem::path source_path(std::string_view name);

class GuideText {
 public:
  // `name`: of docs/guide, without .md.
  explicit GuideText(std::string_view name);

  // The lines of all blocks of shell commands.
  [[nodiscard]] std::vector<std::string> commands() const;
  // The rows of each table whose first line begins with `heading`, as their cells, without blanks
  // and backquotes around them.
  [[nodiscard]] std::vector<std::vector<Cells>> tables(std::string_view heading) const;
  // Those of the first such table; none if there is none.
  [[nodiscard]] std::vector<Cells> rows(std::string_view heading) const;
  // From this line on; empty if it is not there.
  [[nodiscard]] std::string text_from(std::string_view line) const;

 private:
  std::vector<std::string> lines_;
};

// The table that answers a vendor's page: sentence, finding or verb, test.
inline constexpr std::string_view answers_heading =
    "| sentence of the vendor's page | finding or verb | test |";

// "Suite.Name" of every test in the sources.
[[nodiscard]] std::vector<std::string> tests_of_the_sources();

// Whether it is the code of a documented finding, a documented key of instance files, or a verb.
[[nodiscard]] bool is_answer(Place& place, const std::string& answer);

}  // namespace holdfast::test

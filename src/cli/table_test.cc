// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/text.h"

namespace holdfast::cli {
namespace {

Table two_snapshots() {
  Table table;
  table.add_column("ID");
  table.add_column("Paths", true);
  table.add_column("Size");
  table.add_row({"f57190a2", "/srv/a\n/srv/b", "1 B"});
  table.add_row({"0a9bca0d", "/srv/日本", "22 B"});
  table.add_footer("2 snapshots");
  return table;
}

TEST(Table, AlignsColumnsAndLinesWithinCells) {
  EXPECT_EQ(two_snapshots().render(0), (std::vector<std::string>{
                                           "ID        Paths      Size",
                                           "-------------------------",
                                           "f57190a2  /srv/a     1 B",
                                           "          /srv/b",
                                           "0a9bca0d  /srv/日本  22 B",
                                           "-------------------------",
                                           "2 snapshots",
                                       }));
}

TEST(Table, FitsTheTerminalByBreakingTheFlexibleColumn) {
  Table table;
  table.add_column("ID");
  table.add_column("Paths", true);
  table.add_row({"f57190a2", "/a/very/long/path/that/does/not/fit"});
  const auto lines = table.render(30);
  for (const std::string& line : lines) EXPECT_LE(display_width(line), 30U) << line;
  EXPECT_EQ(lines[2], "f57190a2  /a/very/long/path/th");
  EXPECT_EQ(lines[3], "          at/does/not/fit");
}

TEST(Table, PutsEmptyLinesBetweenRowsIfAsked) {
  Table table = two_snapshots();
  table.separate_rows();
  EXPECT_EQ(table.render(0)[4], "");
}

}  // namespace
}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/finding_view.h"

#include <gtest/gtest.h>

#include "cli/text.h"

namespace holdfast::cli {
namespace {

model::Finding finding() {
  model::Finding one;
  one.code = "path-missing";
  one.severity = model::Severity::blocker;
  one.component = "uploads";
  one.seen = "/srv/x\n is not there";
  one.why = "it would be left out";
  one.mend = "Put it back.";
  one.mend_class = model::MendClass::manual;
  return one;
}

TEST(FindingView, IsABlockWithWhatToDo) {
  EXPECT_EQ(finding_block(finding(), 0),
            (std::vector<std::string>{"blocker: path-missing (uploads)",
                                      "  seen:   /srv/x\\n is not there",
                                      "  why:    it would be left out", "  mend:   Put it back."}));
}

TEST(FindingView, LeavesLinesToBeCopiedAsTheyAre) {
  model::Finding one = finding();
  const std::string line = "    \"A.B\" = \"not 1\"  # " + std::string(100, 'x');
  one.mend = "Add these many words to the file, whose name does not fit here:\n" + line + "\n    c";
  const auto lines = finding_block(one, 50);
  ASSERT_GE(lines.size(), 5U);
  EXPECT_EQ(lines[lines.size() - 2], "          " + line);
  EXPECT_EQ(lines.back(), "              c");
}

TEST(FindingView, SaysWhoAcceptedABlocker) {
  model::Finding one = finding();
  one.accepted = true;
  one.accepted_reason = "known";
  const auto lines = finding_block(one, 0);
  EXPECT_EQ(lines.front(), "accepted blocker: path-missing (uploads)");
  EXPECT_EQ(lines.back(), "  reason: known");
}

TEST(FindingView, NamesTheCommandThatMends) {
  model::Finding one = finding();
  one.mend_class = model::MendClass::writes_source;
  EXPECT_NE(finding_block(one, 0).back().find("preflight --fix=path-missing"), std::string::npos);
}

TEST(FindingView, FitsTheTerminal) {
  model::Finding one = finding();
  one.why = std::string("many words ") +
            "and more words and more words and more words and more words and more words";
  for (const std::string& line : finding_block(one, 50))
    EXPECT_LE(display_width(line), 50U) << line;
}

TEST(FindingView, CountsBySeverity) {
  std::vector<model::Finding> all{finding(), finding(), finding()};
  all[1].accepted = true;
  all[2].severity = model::Severity::note;
  EXPECT_EQ(count_findings(all), "1 blocker, 1 accepted blocker, 1 note");
  EXPECT_EQ(count_findings({}), "no findings");
}

}  // namespace
}  // namespace holdfast::cli

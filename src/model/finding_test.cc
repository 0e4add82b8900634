// SPDX-License-Identifier: Apache-2.0
#include "model/finding.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/moment.h"
#include "model/progress.h"

namespace holdfast::model {
namespace {

Finding sample() {
  Finding finding;
  finding.code = "sqlite-hot-journal";
  finding.severity = Severity::blocker;
  finding.component = "orders";
  finding.seen = "a journal of 512 bytes";
  finding.why = "a writer died";
  finding.mend = "start the application once";
  finding.mend_class = MendClass::writes_source;
  return finding;
}

TEST(Finding, SurvivesJson) {
  Finding finding = sample();
  finding.accepted = true;
  finding.accepted_reason = "known";
  const Finding read = parse_finding(to_json(finding));
  EXPECT_EQ(read.code, finding.code);
  EXPECT_EQ(read.severity, Severity::blocker);
  EXPECT_EQ(read.component, "orders");
  EXPECT_EQ(read.seen, finding.seen);
  EXPECT_EQ(read.why, finding.why);
  EXPECT_EQ(read.mend, finding.mend);
  EXPECT_EQ(read.mend_class, MendClass::writes_source);
  EXPECT_TRUE(read.accepted);
  EXPECT_EQ(read.accepted_reason, "known");
}

TEST(Finding, RefusesUnknownWords) {
  Json json = to_json(sample());
  json.set("severity", "fatal");
  EXPECT_THROW(static_cast<void>(parse_finding(json)), Error);
  json = to_json(sample());
  json.set("mend_class", "magic");
  EXPECT_THROW(static_cast<void>(parse_finding(json)), Error);
  EXPECT_THROW(static_cast<void>(parse_finding(Json(5))), Error);
  EXPECT_THROW(static_cast<void>(parse_finding(Json::object())), Error);
}

TEST(Finding, BlocksUnlessAccepted) {
  std::vector<Finding> findings{sample()};
  EXPECT_TRUE(has_blocker(findings));
  findings.front().accepted = true;
  EXPECT_FALSE(has_blocker(findings));
  findings.front() = sample();
  findings.front().severity = Severity::warning;
  EXPECT_FALSE(has_blocker(findings));
}

TEST(Names, AreStable) {
  EXPECT_EQ(severity_name(Severity::note), "note");
  EXPECT_EQ(mend_class_name(MendClass::writes_source), "writes-source");
  EXPECT_EQ(moment_kind_name(MomentKind::at_release), "at-release");
  EXPECT_EQ(item_action_name(ItemAction::added), "new");
  EXPECT_EQ(item_action_name(ItemAction::changed), "modified");
}

}  // namespace
}  // namespace holdfast::model

// SPDX-License-Identifier: Apache-2.0
#include "job/instance_preflight.h"

#include <gtest/gtest.h>

#include "job/test_instance.h"

namespace holdfast::job {
namespace {

class InstancePreflightTest : public InstanceTest {
 protected:
  InstancePreflightReport look(const model::Instance& instance, bool with_repository = true) {
    return preflight_instance(environment_, with_repository ? &alone_ : nullptr, instance, options_,
                              observer_, stop_);
  }
  static const model::Finding* find(const InstancePreflightReport& report, std::string_view code) {
    for (const model::Finding& finding : report.findings) {
      if (finding.code == code) return &finding;
    }
    return nullptr;
  }
  InstancePreflightOptions options_;
  TestObserver observer_;
};

TEST_F(InstancePreflightTest, FindsNoBlockerWhereABackupWouldGoThrough) {
  EXPECT_FALSE(model::has_blocker(look(instance_at(source())).findings));
}

TEST_F(InstancePreflightTest, MissesARepository) {
  const auto report = look(instance_at(source()), false);
  ASSERT_NE(find(report, "repository-missing"), nullptr);
  EXPECT_FALSE(model::has_blocker(report.findings));
}

TEST_F(InstancePreflightTest, CannotPassARepositoryThatIsNotThere) {
  alone_.location = (root() / "nowhere").string();
  EXPECT_TRUE(model::has_blocker(look(instance_at(source())).findings));
  options_.acceptances = {{"repository-unobservable", "", "it comes back"}};
  const auto report = look(instance_at(source()));
  ASSERT_NE(find(report, "repository-unobservable"), nullptr);
  EXPECT_FALSE(model::has_blocker(report.findings));
}

TEST_F(InstancePreflightTest, HonoursTheInstanceFilesAcceptancesForTheRepositoryToo) {
  alone_.location = (root() / "nowhere").string();
  model::Instance instance = instance_at(source());
  const auto blocked = [&](const model::AcceptSetting& setting) {
    instance.accepts = {setting};
    return model::has_blocker(look(instance).findings);
  };
  EXPECT_FALSE(blocked({"repository-unobservable", "", "it comes back", ""}));
  EXPECT_FALSE(blocked({"repository-unobservable", "", "it comes back", "2999-12-31"}));
  EXPECT_TRUE(blocked({"repository-unobservable", "", "it came back", "2001-01-01"}));
  EXPECT_TRUE(blocked({"repository-unobservable", "orders", "of a component", ""}));
  EXPECT_TRUE(blocked({"another-code", "", "of something else", ""}));
  instance.accepts = {{"repository-unobservable", "", "it comes back", ""}};
  const auto report = look(instance);
  EXPECT_EQ(find(report, "repository-unobservable")->accepted_reason, "it comes back");
}

TEST_F(InstancePreflightTest, SaysAsABackupDoesThatTheLastManifestCannotBeRead) {
  const format::Id snapshot = back_up(instance_at(source()));
  format::Node node;
  set_content(node, "{\"schema_version\": 1}");
  static_cast<void>(falsify(snapshot, "shop", [&](std::vector<format::Node>& nodes) {
    named(nodes, "holdfast.json").content = node.content;
    named(nodes, "holdfast.json").size_bytes = node.size_bytes;
  }));
  const auto report = look(instance_at(source()));
  EXPECT_NE(find(report, "last-manifest-unobservable"), nullptr);
  EXPECT_EQ(find(report, "repository-unobservable"), nullptr);
  options_.acceptances = {{"last-manifest-unobservable", "", "known"}};
  EXPECT_FALSE(model::has_blocker(look(instance_at(source())).findings));
}

TEST_F(InstancePreflightTest, ComparesWithTheLastSnapshot) {
  static_cast<void>(back_up(instance_at(source())));
  model::Instance instance = instance_at(source());
  instance.files.clear();
  const auto report = look(instance);
  ASSERT_NE(find(report, "component-vanished"), nullptr);
  EXPECT_EQ(report.findings[0].severity, model::Severity::blocker);
}

TEST_F(InstancePreflightTest, FixesNothingWhereNothingIsWrong) {
  options_.fix = true;
  EXPECT_TRUE(look(instance_at(source())).fixed.empty());
  options_.codes = {"no-such-code"};
  EXPECT_EQ(error_of([&] { static_cast<void>(look(instance_at(source()))); }), Errc::usage);
}

}  // namespace
}  // namespace holdfast::job

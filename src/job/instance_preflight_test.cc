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

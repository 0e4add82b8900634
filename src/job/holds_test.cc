// SPDX-License-Identifier: Apache-2.0
// How the holds of several servers are brought to one moment, with engines that play a script.
// Whether real servers keep still meanwhile is tests/contract's and tests/integration's.
#include "job/holds.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>

#include "base/error.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

using Milliseconds = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

// What the servers do and what was asked of them, in order: "fence a", "capture b", "gone a".
struct Script {
  std::vector<std::string> calls;
  std::vector<Milliseconds> times;                      // allowed to each fence that was asked for
  std::map<std::string, std::function<bool()>> fences;  // by server; else it is had at once
  std::string shut;                                     // the server that keeps writers out
  std::string waiting;  // the server for which alone the application stays stopped
  SteadyTime now{};

  [[nodiscard]] std::vector<std::string> take() { return std::exchange(calls, {}); }
};

class ScriptedHold final : public engine::Hold {
 public:
  ScriptedHold(Script& script, std::string server) : script_(script), server_(std::move(server)) {}
  ~ScriptedHold() override { note("gone"); }

  [[nodiscard]] bool fence(SteadyTime deadline) override {
    note("fence");
    script_.times.push_back(std::chrono::duration_cast<Milliseconds>(deadline - script_.now));
    const auto scripted = script_.fences.find(server_);
    return scripted == script_.fences.end() || scripted->second();
  }
  void capture() override { note("capture"); }
  void unfence() override { note("unfence"); }
  [[nodiscard]] bool lets_writers_work() const override {
    return script_.shut != server_ && script_.waiting != server_;
  }
  [[nodiscard]] bool keeps_writers_out() const override { return script_.shut == server_; }
  [[nodiscard]] model::Moment moment(std::size_t /*database*/) const override { return {}; }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t /*database*/) override { return {}; }
  void copy(std::size_t /*database*/, const model::Part& /*part*/, model::PartSink& /*into*/,
            std::stop_token /*stop*/) override {}
  void describe(std::size_t /*database*/, model::DatabaseFacts& /*facts*/,
                std::stop_token /*stop*/) override {}
  void release() override {}

 private:
  void note(const char* what) { script_.calls.push_back(what + (" " + server_)); }

  Script& script_;
  std::string server_;
};

// Makes holds; asked for anything else it is a bug of the test.
class ScriptedEngine final : public engine::Engine {
 public:
  explicit ScriptedEngine(Script& script) : script_(script) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  void check_endpoint(const model::Endpoint& /*endpoint*/) const override {}
  [[nodiscard]] engine::Probe probe(const model::Endpoint& /*endpoint*/,
                                    std::stop_token /*stop*/) const override {
    unscripted();
  }
  [[nodiscard]] std::unique_ptr<engine::Hold> hold(
      std::span<const model::Endpoint> endpoints,
      const engine::HoldOptions& options) const override {
    last_options = options;
    return std::make_unique<ScriptedHold>(script_, endpoints[0].uri);
  }
  engine::LoadReport load(const model::PartSource& /*parts*/, const model::DatabaseFacts& /*facts*/,
                          const model::Endpoint& /*into*/, const engine::LoadOptions& /*options*/,
                          std::stop_token /*stop*/) const override {
    unscripted();
  }
  std::string undo(const Json& /*undo*/, const model::Endpoint& /*into*/) const override {
    unscripted();
  }
  void describe(const model::Endpoint& /*endpoint*/, model::DatabaseFacts& /*facts*/,
                std::stop_token /*stop*/) const override {
    unscripted();
  }
  void rows(const model::Endpoint& /*endpoint*/, const model::TableName& /*table*/,
            model::RowSink& /*into*/, std::stop_token /*stop*/) const override {
    unscripted();
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& /*endpoint*/,
                                      std::string_view /*sql*/) const override {
    unscripted();
  }
  [[nodiscard]] std::unique_ptr<engine::Scratch> scratch(
      const engine::Probe& /*probe*/, const std::filesystem::path& /*directory*/) const override {
    unscripted();
  }
  [[nodiscard]] std::string grants(const model::Endpoint& /*endpoint*/,
                                   std::string_view /*purpose*/) const override {
    unscripted();
  }
  [[nodiscard]] std::optional<engine::Inspection> inspect(const std::filesystem::path& /*file*/,
                                                          const engine::InspectOptions& /*options*/,
                                                          std::stop_token /*stop*/) const override {
    unscripted();
  }
  void inspect_rows(const std::filesystem::path& /*file*/,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& /*table*/, model::RowSink& /*into*/,
                    std::stop_token /*stop*/) const override {
    unscripted();
  }
  engine::LoadReport import_file(const std::filesystem::path& /*file*/,
                                 const model::Endpoint& /*into*/,
                                 const engine::LoadOptions& /*options*/,
                                 std::stop_token /*stop*/) const override {
    unscripted();
  }
  [[nodiscard]] std::string restore_instructions(
      const model::DatabaseFacts& /*facts*/) const override {
    unscripted();
  }
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& /*directory*/,
                                                 std::stop_token /*stop*/) const override {
    unscripted();
  }

  mutable engine::HoldOptions last_options;

 private:
  [[noreturn]] static void unscripted() { throw Error(Errc::bug, "that is not in the script"); }

  Script& script_;
};

// Time stands still but for whoever changes it.
class ScriptedClock final : public Clock {
 public:
  explicit ScriptedClock(const Script& script) : script_(script) {}
  [[nodiscard]] Timestamp now() override { return {}; }
  [[nodiscard]] SteadyTime steady() override { return script_.now; }

 private:
  const Script& script_;
};

class HoldsTest : public ::testing::Test {
 protected:
  // A database on each of these servers.
  [[nodiscard]] Survey survey_of(const std::vector<std::string>& servers) const {
    Survey survey;
    for (const std::string& server : servers) {
      ProbedDatabase database;
      database.endpoint.uri = server;
      database.engine = &engine_;
      database.probe.exists = true;
      database.probe.server = server;
      database.probe.abilities.fence = true;
      survey.databases.push_back(std::move(database));
    }
    return survey;
  }
  void capture(Holds& holds) {
    ScriptedClock clock(script_);
    holds.capture(limits_, clock, manifest_, observer_);
  }
  // The tries of a server that is never had.
  void refuse(const std::string& server) {
    script_.fences[server] = [] { return false; };
  }

  Script script_;
  ScriptedEngine engine_{script_};
  model::LimitSettings limits_{.fence_ms = 1000};
  model::Manifest manifest_;
  TestObserver observer_;
};

using Calls = std::vector<std::string>;

TEST_F(HoldsTest, CaptureWhileAllAreFenced) {
  Holds holds(survey_of({"a", "b"}), {});
  EXPECT_TRUE(engine_.last_options.with_other_servers);
  capture(holds);
  EXPECT_EQ(script_.take(),
            (Calls{"fence a", "fence b", "capture a", "capture b", "unfence a", "unfence b"}));
  EXPECT_TRUE(manifest_.fenced);
  EXPECT_TRUE(observer_.warnings.empty());
}

// Who waits for one while we have the other is met from the other side at the next try, and not for
// long at first.
TEST_F(HoldsTest, AreTriedInBothDirectionsWithHalfOfTheTimeFirst) {
  refuse("b");
  Holds holds(survey_of({"a", "b"}), {});
  capture(holds);
  const Calls forwards{"fence a", "fence b", "unfence a"}, backwards{"fence b"};
  Calls expected;
  for (int i = 0; i < 3; ++i) {
    expected.insert(expected.end(), forwards.begin(), forwards.end());
    expected.insert(expected.end(), backwards.begin(), backwards.end());
  }
  expected.insert(expected.end(), {"capture a", "capture b"});
  EXPECT_EQ(script_.take(), expected);
  std::vector<Milliseconds> times;
  for (const int ms : {500, 500, 500, 1000, 1000, 500, 500, 500, 1000})
    times.emplace_back(ms);  // two in each try forwards, one in each backwards
  EXPECT_EQ(script_.times, times);
  EXPECT_FALSE(manifest_.fenced);
  EXPECT_EQ(observer_.warnings.size(), 1U);
}

TEST_F(HoldsTest, GoOnAsSoonAsATrySucceeds) {
  int refusals = 1;
  script_.fences["b"] = [&] { return refusals-- <= 0; };
  Holds holds(survey_of({"a", "b"}), {});
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"fence a", "fence b", "unfence a", "fence b", "fence a",
                                   "capture a", "capture b", "unfence a", "unfence b"}));
  EXPECT_TRUE(manifest_.fenced);
}

TEST_F(HoldsTest, OfOneServerHaveAllOfTheTimeThreeTimes) {
  refuse("a");
  Holds holds(survey_of({"a", "a"}), {});
  EXPECT_FALSE(engine_.last_options.with_other_servers);
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"fence a", "fence a", "fence a", "capture a"}));
  EXPECT_EQ(script_.times, std::vector<Milliseconds>(3, Milliseconds(1000)));
  EXPECT_FALSE(manifest_.fenced);
}

TEST_F(HoldsTest, OfASingleDatabaseNeedNoFence) {
  Holds holds(survey_of({"a"}), {});
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"capture a"}));
  EXPECT_TRUE(manifest_.fenced);
}

TEST_F(HoldsTest, AreNotFencedIfOneCannotBe) {
  Survey survey = survey_of({"a", "b"});
  survey.databases[1].probe.abilities.fence = false;
  Holds holds(survey, {});
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"capture a", "capture b"}));
  EXPECT_FALSE(manifest_.fenced);
}

// As embedded databases are, whose locks we have.
TEST_F(HoldsTest, OfWhatKeepsWritersOutNeedNoFence) {
  Survey survey = survey_of({"a", "b"});
  survey.databases[0].probe.abilities.fence = false;
  script_.shut = "a";
  Holds holds(survey, {});
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"capture a", "fence b", "capture b", "unfence b"}));
  EXPECT_TRUE(manifest_.fenced);
  EXPECT_TRUE(observer_.warnings.empty());
}

// As of a backup that the server makes while the application is stopped: its moment is its end.
TEST_F(HoldsTest, AreNotFencedWhereOnlyTheApplicationIsStopped) {
  Survey survey = survey_of({"a", "b"});
  survey.databases[0].probe.abilities.fence = false;
  script_.waiting = "a";
  Holds holds(survey, {});
  capture(holds);
  EXPECT_EQ(script_.take(), (Calls{"capture a", "capture b"}));
  EXPECT_FALSE(manifest_.fenced);
  EXPECT_EQ(observer_.warnings.size(), 1U);
  EXPECT_FALSE(holds.let_writers_work());
}

TEST_F(HoldsTest, AreAllGoneAfterAnErrorOfOne) {
  script_.fences["b"] = []() -> bool { throw Error(Errc::unavailable, "the server has ended"); };
  const auto code = error_of([&] {
    Holds holds(survey_of({"a", "b", "c"}), {});
    capture(holds);
  });
  EXPECT_EQ(code, Errc::unavailable);
  EXPECT_EQ(script_.take(), (Calls{"fence a", "fence b", "gone a", "gone b", "gone c"}));
}

TEST_F(HoldsTest, TellHowLongWritersWereStopped) {
  script_.fences["b"] = [&] {
    script_.now += Milliseconds(1700);
    return true;
  };
  Holds holds(survey_of({"a", "b"}), {});
  capture(holds);
  EXPECT_EQ(manifest_.fence_held_ms, 1700U);
  const auto findings = judge_moments(limits_, 2, manifest_);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "fence-too-long");
}

TEST_F(HoldsTest, ThatAreOutlinedKeepNobodyFromWriting) {
  engine::HoldOptions options;
  options.only_outline = true;
  Holds holds(survey_of({"a", "b"}), options);
  EXPECT_FALSE(engine_.last_options.with_other_servers);
  holds.capture_apart();
  EXPECT_EQ(script_.take(), (Calls{"capture a", "capture b"}));
}

model::DatabaseFacts database_of(const std::string& name, std::int64_t from, std::int64_t to) {
  model::DatabaseFacts facts;
  facts.name = name;
  facts.moment.earliest.seconds = from;
  facts.moment.latest.seconds = to;
  return facts;
}

TEST(Moments, ThatAreFartherApartThanTheLimitAreAFinding) {
  model::Manifest manifest;
  manifest.databases = {database_of("a", 103, 104), database_of("b", 100, 102)};
  model::LimitSettings limits;
  limits.moments_apart_ms = 4000;
  EXPECT_TRUE(judge_moments(limits, 2, manifest).empty());
  EXPECT_EQ(manifest.moments_apart_ms, 4000U);
  limits.moments_apart_ms = 3999;
  const auto findings = judge_moments(limits, 2, manifest);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "moments-apart");
  EXPECT_EQ(findings[0].severity, model::Severity::warning);
  manifest.fenced = true;
  EXPECT_TRUE(judge_moments(limits, 2, manifest).empty());
}

// One server's commits may be cut between two of its transactions, never within one.
TEST(Moments, OfCommitsAloneAreAFindingWhereThereAreSeveralServers) {
  model::Manifest manifest;
  manifest.fenced = true;
  manifest.databases = {database_of("a", 100, 100), database_of("b", 100, 100)};
  manifest.databases[0].engine_facts.set("fence", "tables");
  EXPECT_TRUE(judge_moments({}, 2, manifest).empty());
  manifest.databases[1].engine_facts.set("fence", "commits");
  EXPECT_TRUE(judge_moments({}, 1, manifest).empty());
  const auto findings = judge_moments({}, 2, manifest);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "fence-of-commits");
  EXPECT_EQ(findings[0].component, "b");
  manifest.fenced = false;
  EXPECT_TRUE(judge_moments({}, 2, manifest).empty());
}

}  // namespace
}  // namespace holdfast::job

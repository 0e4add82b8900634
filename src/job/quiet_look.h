// SPDX-License-Identifier: Apache-2.0
// Looking whether an application rests while it is copied, and having its databases keep quiet for
// that time: what its profile asks and says goes through the engines here.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/timestamp.h"
#include "job/environment.h"
#include "job/journal.h"
#include "job/preflight.h"
#include "model/instance.h"
#include "model/manifest.h"
#include "model/progress.h"
#include "model/quiet_check.h"

namespace holdfast::job {

struct QuietLook {
  std::vector<model::Finding> findings;  // none twice
  std::vector<model::QuietStep> steps;
  Json facts = Json::object();
  Json evidence;  // {"when", "at", "seen"}
};

// Nothing where `survey.quiet` is null.
[[nodiscard]] QuietLook look_whether_quiet(const Survey& survey, model::QuietMoment moment,
                                           Clock& clock, const std::stop_token& stop);

// Adds each list of `from` to that in `to`; what is no list takes the place of what is there.
void add_facts(const Json& from, Json& to);

// Adds to a manifest's or survey's facts what a look has seen.
void add_evidence(const Json& evidence, Json& facts);

// The steps, made. Each is announced in the journal before it is made, and settled at once if it
// changed nothing: what somebody else has done is not ours to undo. The destructor undoes them;
// what fails then is logged and left to the guardian.
class QuietSteps {
 public:
  // What fails, or is stopped, leaves none of them made. Errc::cancelled, and what
  // Engine::execute() throws, naming component and step.
  QuietSteps(const Survey& survey, const std::vector<model::QuietStep>& steps, Journal& journal,
             model::Observer& observer, const std::stop_token& stop);
  ~QuietSteps();
  QuietSteps(const QuietSteps&) = delete;
  QuietSteps& operator=(const QuietSteps&) = delete;
  // Puts back what is not put back yet, last first, and settles it. All are tried, once; then the
  // first failure is thrown, and what failed is the guardian's.
  void undo();

 private:
  void make(const Survey& survey, const model::QuietStep& step, const std::stop_token& stop);

  Journal& journal_;
  model::Observer& observer_;
  std::vector<std::pair<std::uint64_t, std::string>> made_;  // entry, and what it was
};

// Keeps the databases quiet for one copy and looks again and again whether all is.
class QuietWatch {
 public:
  struct Job {
    const Environment& environment;
    const model::Instance& instance;
    const Survey& survey;
    const std::vector<Acceptance>& acceptances;
    model::Observer& observer;
    std::stop_token stop;
  };
  explicit QuietWatch(Job job) : job_(std::move(job)) {}

  // Makes the steps, if preflight had any: those of now, as somebody else may have made one
  // meanwhile. What is learnt of that takes the place of what preflight put into `facts`.
  void begin(Journal& journal, Json& facts);
  // Errc::not_consistent naming the first blocker that nobody accepted. For as long as `patience`
  // it looks again first, telling what it waits for. What preflight has not told is told and added
  // to the manifest's findings, the evidence to its facts.
  void look(model::QuietMoment moment, model::Manifest& manifest,
            std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  void end();

 private:
  [[nodiscard]] QuietLook look_until(model::QuietMoment moment, std::chrono::milliseconds patience);

  Job job_;
  std::optional<QuietSteps> steps_;
};

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Every check of profile and engines, before anything is touched.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "job/environment.h"
#include "model/instance.h"
#include "model/manifest.h"
#include "model/profile.h"

namespace holdfast::job {

struct ProbedDatabase {
  model::DatabaseSettings settings;
  model::Endpoint endpoint;
  const engine::Engine* engine = nullptr;  // null: `engine-missing`, a blocker
  engine::Probe probe;
};

// What preflight learnt; the backup goes on from here.
struct Survey {
  std::vector<ProbedDatabase> databases;    // in copying order (`after`)
  std::vector<model::FilesSettings> files;  // in copying order
  std::vector<model::Finding> findings;
  std::string state;  // this and the next as of model::Plan
  Json profile_facts = Json::object();
  std::function<std::unique_ptr<model::CopyCheck>()> make_check;
  std::shared_ptr<model::QuietCheck> quiet;  // null: whether it rests is of no matter
  std::vector<model::QuietStep> steps;       // what keeps it quiet while it is copied
};

// The profile's plan of an instance as it is now, with what it leaves to an engine to find.
[[nodiscard]] model::Plan plan_of(const model::Instance& instance);

struct Acceptance {
  std::string code, component;  // component empty: any
  std::string reason;
};
[[nodiscard]] Acceptance parse_acceptance(
    std::string_view text);  // "CODE" or "CODE:component"; Errc::usage

// Marks the blockers that are accepted, by `given` or by the instance file's [[accept]] whose
// `until` has not passed. Everything that has findings accepts them here.
void apply_acceptances(const model::Instance& instance, const std::vector<Acceptance>& given,
                       Clock& clock, std::vector<model::Finding>& findings);

// Looks at everything. Compares with `last`, the last manifest, if given: what vanished is the
// blocker `component-vanished`, `table-vanished` or `table-emptied`, what is new a note. Applies
// acceptances (with the instance file's, whose `until` has not passed): an accepted blocker stays
// in the list, marked. `last_unreadable`: why the last manifest cannot be read, a blocker too.
[[nodiscard]] Survey survey_instance(const Environment& environment,
                                     const model::Instance& instance, const model::Manifest* last,
                                     const std::vector<Acceptance>& acceptances,
                                     model::Observer& observer,
                                     const Error* last_unreadable = nullptr,
                                     const std::stop_token& stop = {});

// Whether a finding was accepted that leaves its object out of the copy.
[[nodiscard]] bool leaves_out(const model::Finding& finding);

// What a copy says itself that it lacks, a line each; nothing if it is complete. Of the named
// components only; none named: of all.
[[nodiscard]] std::vector<std::string> missing_from_copy(
    const model::Manifest& manifest, const std::vector<std::string>& components = {});

// The endpoint of a database with its password resolved.
[[nodiscard]] model::Endpoint make_endpoint(const model::DatabaseSettings& database,
                                            const std::stop_token& stop);

// Throws Errc::blocked, naming the codes, if an unaccepted blocker is among them.
void refuse_blockers(const std::vector<model::Finding>& findings);

// Mends: all of class safe, and those of class writes-source whose code is in `codes`. What was
// done, a line each.
[[nodiscard]] std::vector<std::string> fix_findings(const Environment& environment,
                                                    const model::Instance& instance,
                                                    const Survey& survey,
                                                    const std::set<std::string>& codes,
                                                    const std::stop_token& stop);

}  // namespace holdfast::job

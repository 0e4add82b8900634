// SPDX-License-Identifier: Apache-2.0
#include "job/quiet_look.h"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"

namespace holdfast::job {
namespace {

// A profile asks on for what it has been answered; a schema with more tables is none of a product.
constexpr std::size_t queries_max = 2000;
constexpr std::size_t seen_max = 500;

std::string_view name_of(model::QuietMoment moment) {
  switch (moment) {
    case model::QuietMoment::before:
      return "before";
    case model::QuietMoment::settling:
      return "settling";
    case model::QuietMoment::still:
      return "still";
    case model::QuietMoment::during:
      return "during";
    case model::QuietMoment::after:
      return "after";
  }
  return "";
}

const ProbedDatabase* find_database(const Survey& survey, std::string_view component) {
  const auto found =
      std::find_if(survey.databases.begin(), survey.databases.end(),
                   [&](const ProbedDatabase& one) { return one.settings.name == component; });
  return found == survey.databases.end() ? nullptr : &*found;
}

// Why nobody can answer it.
std::string reason_of(const ProbedDatabase* database, const model::ProfileQuery& query) {
  if (database == nullptr || database->engine == nullptr) return "there is no such database";
  if (!database->probe.exists) return "the database cannot be looked at";
  if (!database->probe.abilities.statements || !query.sql.contains(database->settings.engine))
    return "engine " + database->settings.engine + " cannot be asked";
  return {};
}

class Look {
 public:
  Look(const Survey& survey, const std::stop_token& stop) : survey_(survey), stop_(stop) {}

  void take(model::QuietAnswer answer, const std::string& component, const std::string& what) {
    for (model::Finding& finding : answer.findings) add(std::move(finding));
    for (const std::string& line : answer.seen) {
      note((component.empty() ? "" : component + ": ") + (what.empty() ? "" : what + ": ") + line);
    }
    for (model::QuietStep& step : answer.steps) look.steps.push_back(std::move(step));
    for (model::ProfileQuery& query : answer.next) waiting_.push_back(std::move(query));
    add_facts(answer.facts, look.facts);
  }

  void ask_all(model::QuietMoment moment) {
    for (model::ProfileQuery& query : survey_.quiet->queries(moment))
      waiting_.push_back(std::move(query));
    for (std::size_t asked = 0; !waiting_.empty(); ++asked) {
      const model::ProfileQuery query = std::move(waiting_.front());
      waiting_.pop_front();
      if (asked >= queries_max) {
        refuse(query, "the schema asks for too many questions");
      } else {
        ask(query);
      }
    }
  }

  [[nodiscard]] Json seen() { return std::move(seen_); }

  QuietLook look;

 private:
  void note(const std::string& line) {
    if (seen_.as_array().size() < seen_max) seen_.push(line);
  }

  void ask(const model::ProfileQuery& query) {
    const ProbedDatabase* const database = find_database(survey_, query.component);
    if (const std::string why = reason_of(database, query); !why.empty()) return refuse(query, why);
    model::QueriedRows rows;
    try {
      rows = database->engine->query_rows(database->endpoint,
                                          query.sql.at(database->settings.engine), stop_);
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      return refuse(query, error.message());
    }
    take(query.judge(rows), query.component, query.what);
  }

  void refuse(const model::ProfileQuery& query, const std::string& why) {
    note(query.component + ": " + query.what + ": could not be asked");
    for (model::Finding finding : query.unobservable) {
      finding.seen = why;
      add(std::move(finding));
    }
  }

  // Of a check that could not be made the first reason is enough.
  void add(model::Finding finding) {
    const bool is_known =
        std::any_of(look.findings.begin(), look.findings.end(), [&](const auto& other) {
          return other.code == finding.code && other.component == finding.component &&
                 (other.seen == finding.seen || finding.code.ends_with("-unobservable"));
        });
    if (!is_known) look.findings.push_back(std::move(finding));
  }

  const Survey& survey_;
  const std::stop_token& stop_;
  std::deque<model::ProfileQuery> waiting_;
  Json seen_ = Json::array();
};

}  // namespace

void add_facts(const Json& from, Json& to) {
  for (const auto& [key, value] : from.as_object()) {
    const Json* const there = to.find(key);
    if (there == nullptr || !there->is_array() || !value.is_array()) {
      to.set(key, value);
      continue;
    }
    Json joined = *there;
    for (const Json& one : value.as_array()) joined.push(one);
    to.set(key, std::move(joined));
  }
}

void add_evidence(const Json& evidence, Json& facts) {
  if (evidence.is_null()) return;
  Json all = Json::array();
  if (const Json* const there = facts.find("quiet")) all = *there;
  all.push(evidence);
  facts.set("quiet", std::move(all));
}

QuietLook look_whether_quiet(const Survey& survey, model::QuietMoment moment, Clock& clock,
                             const std::stop_token& stop) {
  if (!survey.quiet) return {};
  Look look(survey, stop);
  look.ask_all(moment);
  look.take(survey.quiet->look(moment), "", "");
  look.look.evidence.set("when", std::string(name_of(moment)))
      .set("at", to_rfc3339(clock.now()))
      .set("seen", look.seen());
  return std::move(look.look);
}

namespace {

// Whether the server has said no, so that all is as it was.
bool is_refusal(Errc code) {
  return code == Errc::denied || code == Errc::not_found || code == Errc::usage ||
         code == Errc::unsupported;
}

}  // namespace

QuietSteps::QuietSteps(const Survey& survey, const std::vector<model::QuietStep>& steps,
                       Journal& journal, model::Observer& observer, const std::stop_token& stop)
    : journal_(journal), observer_(observer) {
  try {
    for (const model::QuietStep& step : steps) make(survey, step, stop);
  } catch (const std::exception&) {
    try {
      undo();
    } catch (const std::exception& error) {
      log_failure(error);
    }
    throw;
  }
}

void QuietSteps::make(const Survey& survey, const model::QuietStep& step,
                      const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
  const ProbedDatabase* const database = find_database(survey, step.component);
  check_rule(database != nullptr && database->engine != nullptr,
             "a step is of a database that was asked");
  const std::string title = step.component + ": " + step.what;
  const std::uint64_t entry =
      journal_.announce("statement", title, engine_undo(database->settings, Json(step.undo)));
  made_.emplace_back(entry, title);
  const auto settle = [&] {
    journal_.settle(entry);
    made_.pop_back();
  };
  std::optional<std::uint64_t> changed;
  try {
    changed = in_context(
        title, [&] { return database->engine->execute(database->endpoint, step.statement, stop); });
  } catch (const Error& error) {
    if (is_refusal(error.code())) settle();
    throw;
  }
  if (changed == 0U) {
    settle();
    observer_.note(title + ": it was so already, and stays so");
  } else {
    observer_.note(title);
  }
}

void QuietSteps::undo() {
  std::optional<Error> first;
  while (!made_.empty()) {
    const auto [entry, title] = std::move(made_.back());
    made_.pop_back();
    try {
      static_cast<void>(journal_.undo(entry));
      observer_.note("put back: " + title);
    } catch (const Error& error) {
      if (first) log_failure(error);
      if (!first) first = error;
    }
  }
  if (!first) return;
  if (first->hint().empty())
    first->set_hint("It is tried again once this has ended; later `holdfast resume` does it.");
  throw Error(*first);
}

QuietSteps::~QuietSteps() {
  while (!made_.empty()) {
    try {
      undo();
    } catch (const std::exception& error) {
      log_failure(error);
    }
  }
}

void QuietWatch::begin(Journal& journal, Json& facts) {
  if (job_.survey.steps.empty()) return;
  Look look(job_.survey, job_.stop);
  look.ask_all(model::QuietMoment::before);
  for (const auto& [key, value] : look.look.facts.as_object()) facts.set(key, value);
  steps_.emplace(job_.survey, look.look.steps, journal, job_.observer, job_.stop);
}

void QuietWatch::end() {
  if (steps_) steps_->undo();
}

namespace {

constexpr std::chrono::milliseconds between_first{200}, between_max{1600};

const model::Finding* first_blocker(const std::vector<model::Finding>& findings) {
  const auto found = std::find_if(findings.begin(), findings.end(), [](const auto& one) {
    return one.severity == model::Severity::blocker && !one.accepted;
  });
  return found == findings.end() ? nullptr : &*found;
}

void accept_no_news(const model::QuietCheck& quiet, const std::vector<model::Finding>& known,
                    std::vector<model::Finding>& found) {
  for (model::Finding& finding : found) {
    if (!finding.accepted || !quiet.is_of_work(finding.code)) continue;
    finding.accepted = std::any_of(known.begin(), known.end(), [&](const model::Finding& one) {
      return one.code == finding.code && one.component == finding.component &&
             one.seen == finding.seen;
    });
    if (!finding.accepted) finding.accepted_reason.clear();
  }
}

}  // namespace

QuietLook QuietWatch::look_until(model::QuietMoment moment, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string told;
  for (auto pause = between_first;; pause = std::min(2 * pause, between_max)) {
    QuietLook look = look_whether_quiet(job_.survey, moment, *job_.environment.clock, job_.stop);
    apply_acceptances(job_.instance, job_.acceptances, *job_.environment.clock, look.findings);
    accept_no_news(*job_.survey.quiet, job_.survey.findings, look.findings);
    const model::Finding* const blocker = first_blocker(look.findings);
    if (blocker == nullptr || std::chrono::steady_clock::now() >= deadline) return look;
    if (blocker->seen != std::exchange(told, blocker->seen))
      job_.observer.note("waiting for the application to rest: " + told);
    if (job_.stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    std::this_thread::sleep_for(pause);
  }
}

void QuietWatch::look(model::QuietMoment moment, model::Manifest& manifest,
                      std::chrono::milliseconds patience) {
  if (!job_.survey.quiet) return;
  job_.observer.phase("looking whether the application rests");
  const QuietLook look = look_until(moment, patience);
  add_evidence(look.evidence, manifest.profile_facts);
  for (const model::Finding& finding : look.findings) {
    if (finding.severity == model::Severity::note) continue;
    const bool is_told =
        std::any_of(manifest.findings.begin(), manifest.findings.end(), [&](const auto& one) {
          return one.code == finding.code && one.component == finding.component;
        });
    if (is_told && (finding.severity != model::Severity::blocker || finding.accepted)) continue;
    job_.observer.finding(finding);
    manifest.findings.push_back(finding);
  }
  const model::Finding* const blocker = first_blocker(look.findings);
  if (blocker == nullptr) return;
  throw Error(Errc::not_consistent,
              "the application does not rest: " + blocker->seen + " (" + blocker->code + ")")
      .set_hint(blocker->mend);
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Whether an application rests while it is copied: what is looked at and asked for that, who judges
// the answers, and what is changed in its databases for the time of a copy. Room profile implements
// it, job runs it through the engines. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/finding.h"

namespace holdfast::model {

// A change to a database for the time of a copy. Each statement does no harm when it is repeated.
struct QuietStep {
  std::string component;
  std::string what;  // "disabled scheduler 3", for people
  std::string statement, undo;
};

struct ProfileQuery;

// What a look or an answer of a database means.
struct QuietAnswer {
  std::vector<Finding> findings;
  std::vector<std::string> seen;   // evidence for the manifest, a line each
  std::vector<QuietStep> steps;    // in the order in which they are to be made
  std::vector<ProfileQuery> next;  // what is to be asked for certainty
  Json facts = Json::object();     // added to Plan::facts
};

// Rows as texts; null is empty.
using QueriedRows = std::vector<std::vector<std::string>>;

// A question to a database that changes nothing.
struct ProfileQuery {
  std::string component;
  std::string what;                        // "sessions", for the evidence
  std::map<std::string, std::string> sql;  // by name of engine, in its language
  std::function<QuietAnswer(const QueriedRows& rows)> judge;
  // What all cannot be told if nobody can answer; job says why in the `seen` of each.
  std::vector<Finding> unobservable;
};

// When it is looked: by preflight; where the application will be stopped, before that and once
// nothing new shall begin; when all is as it shall be for the copy; once the moment is held and
// once it has been read; at the end.
enum class QuietMoment : std::uint8_t { before, settling, still, during, after };

// Whether nothing was done yet to keep it quiet. The queries of then, and they alone, give steps.
[[nodiscard]] constexpr bool is_untouched(QuietMoment moment) noexcept {
  return moment == QuietMoment::before;
}

class QuietCheck {
 public:
  virtual ~QuietCheck() = default;
  QuietCheck(const QuietCheck&) = delete;
  QuietCheck& operator=(const QuietCheck&) = delete;

  [[nodiscard]] virtual std::vector<ProfileQuery> queries(QuietMoment moment) const = 0;
  // What can be seen on this machine; remembers it for the next look. Between `settling` and
  // `still` the application is stopped by us: what that has moved is nobody's work. Without
  // `settling` nobody has stopped it.
  [[nodiscard]] virtual QuietAnswer look(QuietMoment moment) = 0;

  // Whether findings of this code tell of work, each piece in its `seen`. What of it preflight saw
  // may be accepted (a crash has left it); what has begun since is other work.
  [[nodiscard]] virtual bool is_of_work(std::string_view code) const = 0;

 protected:
  QuietCheck() = default;
};

}  // namespace holdfast::model

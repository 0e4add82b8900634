// SPDX-License-Identifier: Apache-2.0
// Findings to JSON and back.
#include "model/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace holdfast::model {
namespace {

constexpr std::array severities{Severity::blocker, Severity::warning, Severity::note};
constexpr std::array mend_classes{MendClass::none, MendClass::manual, MendClass::safe,
                                  MendClass::writes_source};

}  // namespace

std::string_view severity_name(Severity severity) noexcept {
  switch (severity) {
    case Severity::blocker:
      return "blocker";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "unknown";
}

std::string_view mend_class_name(MendClass mend) noexcept {
  switch (mend) {
    case MendClass::none:
      return "none";
    case MendClass::manual:
      return "manual";
    case MendClass::safe:
      return "safe";
    case MendClass::writes_source:
      return "writes-source";
  }
  return "unknown";
}

Json to_json(const Finding& finding) {
  Json json = Json::object();
  json.set("code", finding.code);
  json.set("severity", severity_name(finding.severity));
  if (!finding.component.empty()) json.set("component", finding.component);
  json.set("seen", finding.seen);
  json.set("why", finding.why);
  json.set("mend", finding.mend);
  json.set("mend_class", mend_class_name(finding.mend_class));
  if (finding.accepted) {
    json.set("accepted", true);
    json.set("accepted_reason", finding.accepted_reason);
  }
  return json;
}

Finding parse_finding(const Json& json) {
  if (!json.is_object()) throw Error(Errc::corrupt, "a finding is not a JSON object");
  Finding finding;
  finding.code = json.at("code").as_string();
  const std::string& severity = json.at("severity").as_string();
  const auto* const found_severity =
      std::find_if(severities.begin(), severities.end(),
                   [&](Severity s) { return severity_name(s) == severity; });
  if (found_severity == severities.end()) {
    throw Error(Errc::corrupt,
                fmt::format("finding {}: unknown severity `{}`", finding.code, severity));
  }
  finding.severity = *found_severity;
  finding.component = json.string_or("component", "");
  finding.seen = json.string_or("seen", "");
  finding.why = json.string_or("why", "");
  finding.mend = json.string_or("mend", "");
  const std::string mend_class = json.string_or("mend_class", "none");
  const auto* const found_class =
      std::find_if(mend_classes.begin(), mend_classes.end(),
                   [&](MendClass m) { return mend_class_name(m) == mend_class; });
  if (found_class == mend_classes.end()) {
    throw Error(Errc::corrupt,
                fmt::format("finding {}: unknown class of mend `{}`", finding.code, mend_class));
  }
  finding.mend_class = *found_class;
  finding.accepted = json.bool_or("accepted", false);
  finding.accepted_reason = json.string_or("accepted_reason", "");
  return finding;
}

bool has_blocker(const std::vector<Finding>& findings) noexcept {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::blocker && !finding.accepted;
  });
}

}  // namespace holdfast::model

// SPDX-License-Identifier: Apache-2.0
#include "job/inherited_endpoints.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace holdfast::job {

std::optional<model::Finding> find_inherited_endpoints(const Json& profile_facts) {
  const Json* const list = profile_facts.find("endpoints");
  if (list == nullptr || list->as_array().empty()) return std::nullopt;
  std::string seen;
  std::uint64_t untold = profile_facts.uint_or("endpoints_untold", 0);
  std::size_t told = 0;
  for (const Json& one : list->as_array()) {
    if (++told > inherited_endpoints_max) {
      ++untold;
      continue;
    }
    seen += fmt::format("{}{} ({})", seen.empty() ? "" : ", ", one.string_or("value", ""),
                        one.string_or("where", ""));
  }
  if (untold > 0) seen += fmt::format(", and {} more", untold);
  model::Finding finding;
  finding.code = "endpoints-inherited";
  finding.severity = model::Severity::warning;
  finding.seen = "the copy will talk to " + seen;
  finding.why =
      "they are those of the instance that was copied: its mails, its publishing and its services";
  finding.mend = "Change them before the copy starts, or keep it from the network.";
  finding.mend_class = model::MendClass::manual;
  return finding;
}

}  // namespace holdfast::job

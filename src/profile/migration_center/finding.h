// SPDX-License-Identifier: Apache-2.0
// Findings of profile `migration-center`, made in one line.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "model/finding.h"

namespace holdfast::profile::migration_center {

// Of work that a crash may have left, and that is told of piece by piece.
inline constexpr std::array<std::string_view, 3> work_codes{"migration-center-job-running",
                                                            "migration-center-run-open",
                                                            "migration-center-scheduler-running"};

// The mend is a person's affair; empty: there is none.
[[nodiscard]] inline model::Finding finding_of(std::string code, model::Severity severity,
                                               std::string component, std::string seen,
                                               std::string why, std::string mend) {
  model::Finding finding;
  finding.code = std::move(code);
  finding.severity = severity;
  finding.component = std::move(component);
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = finding.mend.empty() ? model::MendClass::none : model::MendClass::manual;
  return finding;
}

}  // namespace holdfast::profile::migration_center

// SPDX-License-Identifier: Apache-2.0
// How engines make a finding of what they read.
#pragma once

#include <string>
#include <utility>

#include "model/finding.h"

namespace holdfast::engine {

// Of no component yet. With a mend a person must act, without one there is nothing to do.
[[nodiscard]] inline model::Finding finding(std::string code, model::Severity severity,
                                            std::string seen, std::string why, std::string mend) {
  const auto mend_class = mend.empty() ? model::MendClass::none : model::MendClass::manual;
  return {std::move(code), severity, "", std::move(seen), std::move(why), std::move(mend),
          mend_class,      false,    ""};
}

}  // namespace holdfast::engine

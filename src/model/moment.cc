// SPDX-License-Identifier: Apache-2.0
// Names of the kinds of moments.
#include "model/moment.h"

namespace holdfast::model {

std::string_view moment_kind_name(MomentKind kind) noexcept {
  return kind == MomentKind::at_capture ? "at-capture" : "at-release";
}

}  // namespace holdfast::model

// SPDX-License-Identifier: Apache-2.0
// From what -I names to an instance.
#pragma once

#include <string_view>

#include "model/instance.h"

namespace holdfast::job {

// A path, or a name that is looked up in /etc/holdfast/. Errors as of profile/instance_file.h.
[[nodiscard]] model::Instance read_instance(std::string_view name);

}  // namespace holdfast::job

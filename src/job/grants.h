// SPDX-License-Identifier: Apache-2.0
// grants: the exact rights a role needs, as statements to run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/instance.h"

namespace holdfast::job {

struct ComponentGrants {
  std::string component, engine, uri;
  std::string statements;  // or a comment, for engines without users
};

// One a database, in the order of the file; for "restore" also one a [[drill.endpoint]].
// Errc::usage for an unknown purpose; Errc::unsupported for an engine that is not in this build.
[[nodiscard]] std::vector<ComponentGrants> list_grants(const model::Instance& instance,
                                                       std::string_view purpose);

}  // namespace holdfast::job

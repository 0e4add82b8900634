// SPDX-License-Identifier: Apache-2.0
// The other systems that a clone would talk to, as the one does that was copied.
#pragma once

#include <cstddef>
#include <optional>

#include "base/json.h"
#include "model/finding.h"

namespace holdfast::job {

// So many are told one by one.
inline constexpr std::size_t inherited_endpoints_max = 100;

// Of the facts of a profile (docs/manifest.md, `profile_facts`): `endpoints-inherited`; nothing if
// they list none. Errc::corrupt for facts that are none.
[[nodiscard]] std::optional<model::Finding> find_inherited_endpoints(const Json& profile_facts);

}  // namespace holdfast::job

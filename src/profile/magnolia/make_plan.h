// SPDX-License-Identifier: Apache-2.0
// From facts to components.
#pragma once

#include <span>
#include <string>

#include "model/profile.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// The plan of an instance with these facts, comments and state included; see MagnoliaProfile::plan.
// Reads the small configuration files again, for the state. `neighbours` are the other applications
// of the same Tomcat.
[[nodiscard]] model::Plan make_plan(const MagnoliaFacts& facts, const model::Instance& instance,
                                    std::span<const MagnoliaFacts* const> neighbours);

// An example [[database]] that gives a backup an account of its own, for a comment.
[[nodiscard]] std::string account_example(const model::DatabaseSettings& database);

}  // namespace holdfast::profile::magnolia

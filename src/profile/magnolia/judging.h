// SPDX-License-Identifier: Apache-2.0
// What of the facts of an instance its copy is checked by, and its restore has to know.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/json.h"
#include "model/copy_check.h"
#include "profile/magnolia/check.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// One for each repository. `neighbours` may have tables in the same databases.
[[nodiscard]] std::vector<CheckPlan> check_plans(const MagnoliaFacts& facts,
                                                 std::span<const MagnoliaFacts* const> neighbours);
// The check of a copy by these plans, that misses tables too.
[[nodiscard]] std::unique_ptr<model::CopyCheck> make_check(const std::vector<CheckPlan>& plans,
                                                           const MagnoliaFacts& facts);
// What adapt_instance() reads.
[[nodiscard]] Json restore_facts(const MagnoliaFacts& facts);

}  // namespace holdfast::profile::magnolia

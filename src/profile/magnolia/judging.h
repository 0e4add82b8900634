// SPDX-License-Identifier: Apache-2.0
// What of the facts of an instance its copy is checked by, and its restore has to know.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/copy_check.h"
#include "profile/magnolia/check.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// The schema that the application's tables of a component are in; empty: whichever there is.
[[nodiscard]] std::string schema_of(const MagnoliaFacts& facts, const std::string& component);
// What must be in some component of a copy; nothing that is left out or removed may hold any of it.
[[nodiscard]] std::vector<std::string> needed_paths(const MagnoliaFacts& facts);
// The directories of the search indexes, each once; and those of them that neither are nor hold
// anything that is needed: only they may be left out of a copy and removed where it is restored.
[[nodiscard]] std::vector<std::string> all_indexes(const MagnoliaFacts& facts);
[[nodiscard]] std::vector<std::string> spare_indexes(const MagnoliaFacts& facts);
// One for each repository. `neighbours` may have tables in the same databases.
[[nodiscard]] std::vector<CheckPlan> check_plans(const MagnoliaFacts& facts,
                                                 std::span<const MagnoliaFacts* const> neighbours);
// The check of a copy by these plans, that misses tables too. With `has_indexes` it sees whether
// the application has the repository open while its search indexes pass.
[[nodiscard]] std::unique_ptr<model::CopyCheck> make_check(const std::vector<CheckPlan>& plans,
                                                           const MagnoliaFacts& facts,
                                                           bool has_indexes);
// What adapt_instance(), check_restored_instance() and a restore of single workspaces read; paths
// as they are in `facts`. Looks which configuration lies beside what is in force.
[[nodiscard]] Json restore_facts(const MagnoliaFacts& facts);

}  // namespace holdfast::profile::magnolia

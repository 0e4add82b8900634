// SPDX-License-Identifier: Apache-2.0
// What is wrong with the facts of one or several applications. Pure.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/finding.h"
#include "model/instance.h"
#include "profile/magnolia/facts.h"

namespace holdfast::profile::magnolia {

// What `facts` shares with its neighbours, which must be kept apart: a home of a repository, a
// database with a table prefix, a data store.
[[nodiscard]] std::vector<model::Finding> find_shared(
    const MagnoliaFacts& facts, std::span<const MagnoliaFacts* const> neighbours);

// What can only be copied while the application is stopped and no engine says so by itself: a
// search index that is wanted, persistence managers that keep plain files.
[[nodiscard]] std::vector<model::Finding> find_stop_problems(const MagnoliaFacts& facts,
                                                             const model::Instance& instance);

// Workspaces that have none of their tables in the database of that component, whose tables these
// are: a blocker if there is a search index, so that they must have been there.
[[nodiscard]] std::vector<model::Finding> find_lost_tables(const MagnoliaFacts& facts,
                                                           std::string_view component,
                                                           const std::set<std::string>& tables);

}  // namespace holdfast::profile::magnolia

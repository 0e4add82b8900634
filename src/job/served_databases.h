// SPDX-License-Identifier: Apache-2.0
// Databases that a profile leaves to an engine to find: all that a server on this machine keeps.
// Profiles and engines never meet, so that what both know comes together here. Reads only.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <vector>

#include "model/instance.h"
#include "model/manifest.h"
#include "model/profile.h"

namespace holdfast::job {

// Adds to its plan the databases that the server at the instance's home has now, but for those that
// the plan names; and what is wrong with that place. Nothing for profiles that find theirs.
void add_served_databases(const model::Instance& instance, model::Plan& plan);

// Gives the databases of a copy, which need not be there, a place by their names where the server
// at the target's home has its own, but for those that the target names.
void place_served_databases(const model::Manifest& manifest, model::Instance& target);

// What a restore of the whole copy leaves as it is: databases of that server that it has not.
[[nodiscard]] std::optional<model::Finding> find_databases_beside(const model::Manifest& manifest,
                                                                  const model::Instance& target);

// Servers at a place, a directory or that of a process in /proc, as drafts of instance files.
[[nodiscard]] std::vector<model::FoundInstance> discover_served(const std::filesystem::path& place,
                                                                const std::stop_token& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// migrate NAME: changes the format of a whole repository, as restic's verb of that name does.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "job/environment.h"

namespace holdfast::job {

struct RepositoryMigration {
  std::string_view name;
  std::string_view description;
};

// Those that this repository needs. Takes a shared lock, unless access.no_lock.
[[nodiscard]] std::vector<RepositoryMigration> list_repository_migrations(
    const Environment& environment, const RepositoryAccess& access, std::stop_source& stop);

struct RepositoryMigrationReport {
  std::vector<std::string> applied;
  std::vector<std::string> not_needed;  // of the names that were given
};

// Applies the migrations of these names. Before that the repository is checked as a whole, without
// reading all data. Takes the exclusive lock, whatever access.no_lock says. Errc::usage for an
// unknown name, Errc::corrupt if the check finds anything; nothing is changed then. Killed at any
// moment it leaves a repository that opens, as the old version or the new one.
[[nodiscard]] RepositoryMigrationReport migrate_repository(const Environment& environment,
                                                           const RepositoryAccess& access,
                                                           const std::vector<std::string>& names,
                                                           model::Observer& observer,
                                                           std::stop_source& stop);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/repository_migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "job/scratch.h"
#include "repo/check.h"

namespace holdfast::job {

namespace {

namespace fs = std::filesystem;

constexpr std::array migrations{
    RepositoryMigration{"upgrade_repo_v2", "upgrade a repository to version 2"}};

const RepositoryMigration& find_migration(const std::string& name) {
  const auto found = std::ranges::find(migrations, name, &RepositoryMigration::name);
  if (found != migrations.end()) return *found;
  throw Error(Errc::usage, fmt::format("there is no migration \"{}\"", name))
      .set_hint(fmt::format("Known is {}.", migrations.front().name));
}

void check_whole(repo::Repository& repository, model::Observer& observer,
                 const std::stop_token& stop) {
  const repo::CheckReport report = repo::check(repository, {}, observer, stop);
  if (report.sound()) return;
  throw Error(Errc::corrupt, fmt::format("the repository is damaged and is not changed: {}",
                                         report.errors.front()))
      .set_hint("`holdfast check` lists all damage; mend it before.");
}

// Keeps a copy of the old config on this machine until the new one is proven.
void upgrade(repo::Repository& repository, model::Observer& observer) {
  fs::path kept;
  const auto keep = [&](ByteView old_config) {
    const fs::path directory = new_scratch_path("holdfast-upgrade", scratch_base());
    make_scratch(directory);
    kept = directory / "config";
    write_file_durably(kept, old_config);
  };
  try {
    repository.upgrade_to_version_2(keep);
  } catch (const Error&) {
    if (!kept.empty())
      observer.warning(fmt::format("a copy of the old config file is {}", kept.string()));
    throw;
  }
  std::error_code ignored;
  fs::remove_all(kept.parent_path(), ignored);
}

}  // namespace

std::vector<RepositoryMigration> list_repository_migrations(const Environment& environment,
                                                            const RepositoryAccess& access,
                                                            std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  if (opened.repository->config().version != 1) return {};
  return {migrations.begin(), migrations.end()};
}

RepositoryMigrationReport migrate_repository(const Environment& environment,
                                             const RepositoryAccess& access,
                                             const std::vector<std::string>& names,
                                             model::Observer& observer, std::stop_source& stop) {
  for (const std::string& name : names) static_cast<void>(find_migration(name));
  RepositoryAccess locked = access;
  locked.no_lock = false;
  const OpenedRepository opened = open_repository(environment, locked, LockMode::exclusive, stop);
  RepositoryMigrationReport report;
  for (const std::string& name : names) {
    if (opened.repository->config().version != 1) {
      report.not_needed.push_back(name);
      continue;
    }
    check_whole(*opened.repository, observer, stop.get_token());
    if (opened.lock) opened.lock->confirm();
    upgrade(*opened.repository, observer);
    report.applied.push_back(name);
  }
  return report;
}

}  // namespace holdfast::job

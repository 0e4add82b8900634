// SPDX-License-Identifier: Apache-2.0
#include "job/stats.h"

#include "job/snapshots.h"

namespace holdfast::job {

archive::Statistics count_repository(const Environment& environment, const RepositoryAccess& access,
                                     const StatsOptions& options, model::Observer& observer,
                                     std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  const std::vector<archive::Snapshot> snapshots =
      select_snapshots(repository, options.ids, options.filter, observer);
  repository.load_index(observer);
  observer.phase("scanning");
  return archive::count_snapshots(repository, snapshots, options.mode, observer, stop.get_token());
}

}  // namespace holdfast::job

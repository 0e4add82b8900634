// SPDX-License-Identifier: Apache-2.0
#include "job/snapshots.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"

namespace holdfast::job {

namespace {

void keep_newest(std::vector<archive::SnapshotGroup>& groups, const SnapshotsOptions& options) {
  for (archive::SnapshotGroup& group : groups) {
    std::map<archive::GroupKey, unsigned> seen;
    std::erase_if(group.snapshots, [&](const archive::Snapshot& snapshot) {
      archive::GroupKey key;
      if (options.group_by.empty()) {
        key.hostname = snapshot.file.hostname;
        key.paths = snapshot.file.paths;
        std::sort(key.paths.begin(), key.paths.end());
      }
      return ++seen[key] > options.latest;
    });
  }
}

}  // namespace

std::vector<archive::Snapshot> readable_snapshots(repo::Repository& repository,
                                                  model::Observer& observer) {
  std::vector<std::string> damaged;
  auto snapshots = archive::load_snapshots(repository, &damaged);
  for (const std::string& message : damaged) {
    observer.warning(message +
                     "; it is left out, and `holdfast check` says whether more is damaged");
  }
  return snapshots;
}

std::vector<archive::Snapshot> named_snapshots(repo::Repository& repository,
                                               const std::vector<std::string>& ids,
                                               const archive::SnapshotFilter& filter) {
  std::vector<archive::Snapshot> selected;
  for (const std::string& id : ids) {
    if (id.find(':') != std::string::npos) {
      throw Error(Errc::usage,
                  fmt::format("\"{}\" names a subfolder, but whole snapshots are meant here", id));
    }
    archive::Snapshot found = archive::find_snapshot(repository, id, filter).snapshot;
    const bool is_there =
        std::any_of(selected.begin(), selected.end(),
                    [&](const archive::Snapshot& other) { return other.id == found.id; });
    if (!is_there) selected.push_back(std::move(found));
  }
  std::stable_sort(selected.begin(), selected.end(),
                   [](const archive::Snapshot& a, const archive::Snapshot& b) {
                     return a.file.time < b.file.time;
                   });
  return selected;
}

std::vector<archive::Snapshot> select_snapshots(repo::Repository& repository,
                                                const std::vector<std::string>& ids,
                                                const archive::SnapshotFilter& filter,
                                                model::Observer& observer) {
  if (!ids.empty()) return named_snapshots(repository, ids, filter);
  auto selected = readable_snapshots(repository, observer);
  std::erase_if(selected,
                [&](const archive::Snapshot& snapshot) { return !filter.matches(snapshot.file); });
  return selected;
}

std::vector<archive::SnapshotGroup> list_snapshots(const Environment& environment,
                                                   const RepositoryAccess& access,
                                                   const SnapshotsOptions& options,
                                                   model::Observer& observer,
                                                   std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  auto groups = archive::group_snapshots(
      select_snapshots(*opened.repository, options.ids, options.filter, observer),
      options.group_by);
  if (options.latest > 0) keep_newest(groups, options);
  return groups;
}

}  // namespace holdfast::job

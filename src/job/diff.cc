// SPDX-License-Identifier: Apache-2.0
#include "job/diff.h"

namespace holdfast::job {

archive::TreeDiff diff_snapshots(
    const Environment& environment, const RepositoryAccess& access, const DiffOptions& options,
    const std::function<void(const archive::Snapshot&, const archive::Snapshot&)>& begin,
    const std::function<void(const archive::TreeChange&)>& changed, model::Observer& observer,
    std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  repo::Repository& repository = *opened.repository;
  const archive::FoundSnapshot before =
      archive::find_snapshot(repository, options.before, options.filter);
  const archive::FoundSnapshot after =
      archive::find_snapshot(repository, options.after, options.filter);
  repository.load_index(observer);
  const format::Id tree_before = archive::tree_of(repository, before);
  const format::Id tree_after = archive::tree_of(repository, after);
  begin(before.snapshot, after.snapshot);
  return archive::diff_trees(repository, tree_before, tree_after, options.with_metadata, changed,
                             observer, stop.get_token());
}

}  // namespace holdfast::job

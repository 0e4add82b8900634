// SPDX-License-Identifier: Apache-2.0
#include "job/files_restore.h"

namespace holdfast::job {

archive::RestoreReport restore_files(const Environment& environment, const RepositoryAccess& access,
                                     const FilesRestoreOptions& options,
                                     const std::function<void(const archive::Snapshot&)>& begin,
                                     model::Observer& observer, std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  const archive::FoundSnapshot found =
      archive::find_snapshot(*opened.repository, options.snapshot, options.filter);
  opened.repository->load_index(observer);
  const format::Id tree = archive::tree_of(*opened.repository, found);
  begin(found.snapshot);
  return archive::restore_tree(*opened.repository, tree, options.restore, observer,
                               stop.get_token());
}

}  // namespace holdfast::job

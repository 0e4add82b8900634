// SPDX-License-Identifier: Apache-2.0
#include "job/prune.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::job {

repo::PruneReport prune_repository(const Environment& environment, const RepositoryAccess& access,
                                   const PruneJobOptions& options, model::Observer& observer,
                                   std::stop_source& stop) {
  if (access.no_lock && !options.prune.dry_run) {
    throw Error(Errc::usage, "prune without a lock is possible only as a dry run");
  }
  const OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::PruneOptions prune = options.prune;
  prune.pack_size_bytes = access.pack_size_bytes;
  if (!options.recover_repository_id.empty()) {
    const std::string& id = opened.repository->config().id;
    if (options.recover_repository_id != id) {
      Error error(Errc::usage,
                  fmt::format("\"{}\" is not this repository's id", options.recover_repository_id));
      error.set_hint(fmt::format("It is {}.", id));
      throw error;
    }
    prune.unsafe_recover_no_free_space = true;
  }
  opened.repository->load_index(observer);
  return repo::prune(*opened.repository, prune, opened.lock.get(), {}, observer, stop.get_token());
}

}  // namespace holdfast::job

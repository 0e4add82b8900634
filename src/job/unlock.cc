// SPDX-License-Identifier: Apache-2.0
#include "job/unlock.h"

namespace holdfast::job {

unsigned unlock_repository(const Environment& environment, const RepositoryAccess& access, bool all,
                           std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
  return repo::unlock(*opened.repository, all, environment.lock_times);
}

}  // namespace holdfast::job

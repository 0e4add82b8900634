// SPDX-License-Identifier: Apache-2.0
#include "job/check.h"

namespace holdfast::job {

repo::CheckReport check_repository(const Environment& environment, const RepositoryAccess& access,
                                   const repo::CheckOptions& options, model::Observer& observer,
                                   std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  return repo::check(*opened.repository, options, observer, stop.get_token());
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/repository_init.h"

#include "base/error.h"

namespace holdfast::job {

InitReport init_repository(const Environment& environment, const RepositoryAccess& access,
                           const InitOptions& options, std::stop_source& stop) {
  check_rule(access.password != nullptr, "a repository is made with a password");
  repo::Repository::InitOptions init;
  init.version = options.version;
  init.cost = options.key_cost;
  init.username = environment.username;
  init.hostname = environment.hostname;
  if (options.copy_chunker_from) {
    const OpenedRepository source = in_context("opening the source repository", [&] {
      return open_repository(environment, *options.copy_chunker_from, LockMode::none, stop);
    });
    init.chunker_polynomial = source.repository->config().chunker_polynomial;
  }
  const auto repository =
      repo::init(make_location(environment, access, stop.get_token()), *access.password, init);
  return {repository->config().id, repository->storage().location(), repository->config().version};
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/key.h"

namespace holdfast::job {

namespace {

// Whoever changes keys holds a lock, whatever --no-lock says.
RepositoryAccess locking(RepositoryAccess access) {
  access.no_lock = false;
  return access;
}

NewKey completed(NewKey key, const Environment& environment) {
  if (key.username.empty()) key.username = environment.username;
  if (key.hostname.empty()) key.hostname = environment.hostname;
  return key;
}

}  // namespace

std::vector<repo::FoundKey> list_keys(const Environment& environment,
                                      const RepositoryAccess& access, std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  return repo::list_keys(*opened.repository);
}

format::Id add_key(const Environment& environment, const RepositoryAccess& access,
                   const std::function<NewKey()>& ask, std::stop_source& stop) {
  const OpenedRepository opened =
      open_repository(environment, locking(access), LockMode::shared, stop);
  const NewKey key = completed(ask(), environment);
  return repo::add_key(*opened.repository, *key.password, key.username, key.hostname, key.cost);
}

format::Id remove_key(const Environment& environment, const RepositoryAccess& access,
                      std::string_view id, std::stop_source& stop) {
  const OpenedRepository opened =
      open_repository(environment, locking(access), LockMode::exclusive, stop);
  const format::Id found = opened.repository->find_by_prefix(storage::FileKind::key, id);
  repo::remove_key(*opened.repository, found);
  return found;
}

format::Id change_password(const Environment& environment, const RepositoryAccess& access,
                           const std::function<NewKey()>& ask, std::stop_source& stop) {
  const OpenedRepository opened =
      open_repository(environment, locking(access), LockMode::exclusive, stop);
  const NewKey key = completed(ask(), environment);
  return repo::change_password(*opened.repository, *key.password, key.username, key.hostname,
                               key.cost);
}

}  // namespace holdfast::job

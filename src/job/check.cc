// SPDX-License-Identifier: Apache-2.0
#include "job/check.h"

#include <algorithm>

#include "job/snapshots.h"

namespace holdfast::job {

namespace {

// Those that are asked for. What cannot be read may be one of them, and then stays in the list, so
// that the check reports it.
std::vector<format::Id> snapshots_to_check(repo::Repository& repository,
                                           const CheckJobOptions& options) {
  std::vector<format::Id> ids;
  if (!options.ids.empty()) {
    for (const archive::Snapshot& each : named_snapshots(repository, options.ids, options.filter)) {
      ids.push_back(each.id);
    }
    return ids;
  }
  std::vector<format::Id> readable;
  std::vector<std::string> damaged;
  for (const archive::Snapshot& each : archive::load_snapshots(repository, &damaged)) {
    readable.push_back(each.id);
    if (options.filter.matches(each.file)) ids.push_back(each.id);
  }
  if (damaged.empty()) {
    if (ids.empty()) throw Error(Errc::not_found, "no snapshot is what the filter asks for");
    return ids;
  }
  for (const format::Id& id : repository.list(storage::FileKind::snapshot)) {
    if (std::ranges::find(readable, id) == readable.end()) ids.push_back(id);
  }
  return ids;
}

}  // namespace

repo::CheckReport check_repository(const Environment& environment, const RepositoryAccess& access,
                                   const CheckJobOptions& options, model::Observer& observer,
                                   std::stop_source& stop) {
  const OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::CheckOptions check = options.check;
  if (!options.ids.empty() || !options.filter.empty()) {
    check.snapshots = snapshots_to_check(*opened.repository, options);
  }
  return repo::check(*opened.repository, check, observer, stop.get_token());
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// forget: removes snapshots by name or by policy; with prune, their data too.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/retention.h"
#include "archive/snapshots.h"
#include "job/environment.h"
#include "repo/prune.h"

namespace holdfast::job {

struct ForgetOptions {
  std::vector<std::string> ids;  // these are removed, whatever the policy says
  archive::SnapshotFilter filter;
  archive::KeepPolicy policy;
  std::string group_by = "host,paths";
  bool unsafe_allow_remove_all =
      false;  // with a filter and an empty policy: remove all that the filter takes
  bool dry_run = false;
  std::optional<repo::PruneOptions> prune;  // run afterwards if a snapshot was removed
};

struct ForgetReport {
  struct Group {
    archive::GroupKey key;
    archive::KeepDecision decision;
  };
  std::vector<Group> groups;        // none if ids were given
  std::vector<format::Id> removed;  // in a dry run: would be
  std::vector<format::Id> failed;   // could not be removed
  std::vector<format::Id> proofs;   // of those removed: proofs of drills whose tree went
};

// Takes the exclusive lock; access.no_lock only in a dry run. Errc::usage if neither ids nor a
// policy are given, or the policy would remove all snapshots of a group. `decided` is called after
// the snapshots are removed and before the prune, so that the decision is seen even if the prune
// fails. Returns the prune's report if it ran.
[[nodiscard]] std::optional<repo::PruneReport> forget_snapshots(
    const Environment& environment, const RepositoryAccess& access, const ForgetOptions& options,
    const std::function<void(const ForgetReport& report)>& decided, model::Observer& observer,
    std::stop_source& stop);

}  // namespace holdfast::job

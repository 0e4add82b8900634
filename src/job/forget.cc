// SPDX-License-Identifier: Apache-2.0
#include "job/forget.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "job/instance_access.h"
#include "job/snapshot_change.h"
#include "job/snapshots.h"

namespace holdfast::job {

namespace {

void check_options(const RepositoryAccess& access, const ForgetOptions& options) {
  if (access.no_lock && !options.dry_run) {
    throw Error(Errc::usage, "forget without a lock is possible only as a dry run");
  }
  if (!options.ids.empty() || !options.policy.empty()) return;
  if (!options.unsafe_allow_remove_all) {
    Error error(Errc::usage, "no policy was given, so no snapshot is removed");
    error.set_hint(
        "Say what to keep, with --keep-last and its like, or name the snapshots to remove.");
    throw error;
  }
  if (options.filter.empty()) {
    throw Error(Errc::usage, "--unsafe-allow-remove-all needs a filter: --host, --tag or --path");
  }
}

std::string display_group(const archive::GroupKey& key) {
  std::string text;
  if (!key.hostname.empty()) text += fmt::format("host {}", key.hostname);
  if (!key.tags.empty())
    text += fmt::format("{}tags {}", text.empty() ? "" : ", ", fmt::join(key.tags, ","));
  if (!key.paths.empty())
    text += fmt::format("{}paths {}", text.empty() ? "" : ", ", fmt::join(key.paths, ","));
  return text.empty() ? "all snapshots" : text;
}

void apply_policies(std::vector<archive::Snapshot> snapshots, const ForgetOptions& options,
                    const Timestamp& now, ForgetReport& report) {
  for (archive::SnapshotGroup& group :
       archive::group_snapshots(std::move(snapshots), options.group_by)) {
    archive::KeepDecision decision;
    if (options.policy.empty()) {
      decision.remove = std::move(group.snapshots);
    } else {
      decision = archive::apply_policy(std::move(group.snapshots), options.policy, now);
      if (decision.keep.empty()) {
        throw Error(Errc::usage,
                    fmt::format("the policy would remove every snapshot of the group {}",
                                display_group(group.key)));
      }
    }
    for (const archive::Snapshot& snapshot : decision.remove) report.removed.push_back(snapshot.id);
    report.groups.push_back({group.key, std::move(decision)});
  }
}

// Removes what the report lists; what cannot be removed moves to `failed`, and the others are still
// tried.
void remove_snapshots(OpenedRepository& opened, ForgetReport& report, model::Observer& observer,
                      const std::stop_token& stop) {
  if (opened.lock) opened.lock->check();
  observer.phase("removing snapshots");
  observer.files_total = report.removed.size();
  std::vector<format::Id> removed;
  for (const format::Id& id : report.removed) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while removing snapshots");
    try {
      opened.repository->remove(storage::FileKind::snapshot, id);
      removed.push_back(id);
    } catch (const Error& error) {
      if (error.code() == Errc::cancelled) throw;
      ++observer.errors;
      observer.item_failed(fmt::format("snapshot {}", id.hex()), "remove", error.message());
      report.failed.push_back(id);
    }
    ++observer.files_done;
  }
  report.removed = std::move(removed);
}

}  // namespace

std::optional<repo::PruneReport> forget_snapshots(
    const Environment& environment, const RepositoryAccess& access, const ForgetOptions& options,
    const std::function<void(const ForgetReport& report)>& decided, model::Observer& observer,
    std::stop_source& stop) {
  check_options(access, options);
  OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::Repository& repository = *opened.repository;
  // All of them, or nothing is removed: what a damaged one needs, or its proof, is not known.
  const std::vector<archive::Snapshot> all = archive::load_snapshots(repository);
  ForgetReport report;
  if (options.ids.empty()) {
    std::vector<archive::Snapshot> counted;
    for (const archive::Snapshot& snapshot : all) {
      if (options.filter.matches(snapshot.file) && !proven_tree(snapshot.file))
        counted.push_back(snapshot);
    }
    apply_policies(std::move(counted), options, environment.clock->now(), report);
  } else {
    for (const archive::Snapshot& snapshot :
         named_snapshots(repository, options.ids, options.filter)) {
      report.removed.push_back(snapshot.id);
    }
  }
  if (!report.removed.empty()) {
    report.proofs = orphaned_proofs(all, report.removed);
    report.removed.insert(report.removed.end(), report.proofs.begin(), report.proofs.end());
  }
  if (!options.dry_run && !report.removed.empty())
    remove_snapshots(opened, report, observer, stop.get_token());
  decided(report);
  if (!options.prune || report.removed.empty() || !report.failed.empty()) return std::nullopt;
  repo::PruneOptions prune = *options.prune;
  prune.dry_run = options.dry_run;
  prune.pack_size_bytes = access.pack_size_bytes;
  repository.load_index(observer);
  return repo::prune(repository, prune, opened.lock.get(), report.removed, observer,
                     stop.get_token());
}

}  // namespace holdfast::job

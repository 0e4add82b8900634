// SPDX-License-Identifier: Apache-2.0
#include "job/repair_snapshots.h"

#include <utility>

#include "archive/repair_edit.h"
#include "base/error.h"
#include "job/instance_access.h"
#include "repo/blob_writer.h"
#include "repo/index_fit.h"
#include "repo/parallel.h"

namespace holdfast::job {

namespace {

constexpr std::string_view repaired_tag = "repaired";

class RepairRun {
 public:
  RepairRun(OpenedRepository& opened, repo::BlobWriter& writer, bool forget,
            model::Observer& observer, std::stop_token stop)
      : forget_(forget),
        observer_(observer),
        stop_(std::move(stop)),
        repair_(opened.repository->index(), observer),
        edit_(*opened.repository, writer, repair_,
              "were lost with parts of the repository, and were taken out by `holdfast repair "
              "snapshots`",
              observer),
        rewriter_(*opened.repository, writer, edit_, {.by_path = false, .tolerant = true}) {}

  // Nothing if it is whole.
  [[nodiscard]] std::optional<SnapshotChange> change(archive::Snapshot&& before) {
    edit_.begin(before.file);
    const archive::RewrittenTree repaired =
        in_context("repairing snapshot " + before.id.short_hex(),
                   [&] { return rewriter_.rewrite(before.file.tree, observer_, stop_); });
    if (repaired.tree == before.file.tree) return std::nullopt;
    // What is left of a proof proves nothing.
    const bool is_gone = !repaired.tree || proven_tree(before.file);
    SnapshotChange change;
    if (!is_gone) {
      change.after = before.file;
      change.after->tree = *repaired.tree;
      change.after->summary.reset();  // it counts what is lost
      edit_.end(*change.after);
      if (!change.after->original) change.after->original = before.id;
      if (!forget_ && !change.after->has_tag(repaired_tag)) {
        change.after->tags.emplace_back(repaired_tag);
      }
    }
    change.before = std::move(before);
    return change;
  }

 private:
  const bool forget_;
  model::Observer& observer_;
  const std::stop_token stop_;
  archive::RepairEdit repair_;
  InstanceEdit edit_;
  archive::TreeRewriter rewriter_;
};

[[nodiscard]] std::vector<format::Id> find_torn(repo::Repository& repository,
                                                const std::stop_token& stop) {
  std::vector<format::Id> torn;
  for (const format::Id& id : repository.list(storage::FileKind::snapshot)) {
    repo::check_stop(stop);
    const auto stored =
        storage::read_file(repository.storage(), {storage::FileKind::snapshot, id.hex()});
    if (stored && format::id_of(*stored) != id) torn.push_back(id);
  }
  return torn;
}

}  // namespace

RepairSnapshotsReport repair_snapshots(const Environment& environment,
                                       const RepositoryAccess& access,
                                       const RepairSnapshotsOptions& options,
                                       model::Observer& observer, std::stop_source& stop) {
  if (access.no_lock && !options.dry_run) {
    throw Error(Errc::usage, "repair without a lock is possible only as a dry run");
  }
  OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::Repository& repository = *opened.repository;
  repository.storage().distrust_copies();
  RepairSnapshotsReport report;
  std::vector<archive::Snapshot> all = archive::load_snapshots(repository, &report.damaged);
  std::vector<archive::Snapshot> chosen =
      choose_snapshots(repository, all, options.ids, options.filter);
  repo::load_fitting_index(repository, observer, stop.get_token());
  observer.phase("looking for what is lost");
  {
    repo::BlobWriter writer(repository, make_writer_options(environment, access, options.dry_run),
                            opened.lock.get());
    RepairRun run(opened, writer, options.forget, observer, stop.get_token());
    for (archive::Snapshot& snapshot : chosen) {
      if (auto change = run.change(std::move(snapshot))) {
        report.changes.changes.push_back(std::move(*change));
      }
    }
    writer.finish();
  }
  if (!report.damaged.empty() && options.forget && options.ids.empty() && options.filter.empty())
    report.torn = find_torn(repository, stop.get_token());
  if (options.dry_run) return report;
  for (const format::Id& id : report.torn) {
    opened.lock->check();
    repository.remove(storage::FileKind::snapshot, id);
  }
  replace_snapshots(opened, std::move(all), !report.damaged.empty(), options.forget, report.changes,
                    observer, stop.get_token());
  return report;
}

}  // namespace holdfast::job

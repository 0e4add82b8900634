// SPDX-License-Identifier: Apache-2.0
#include "job/recover.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "archive/repair_edit.h"
#include "archive/snapshots.h"
#include "archive/tree_builder.h"
#include "base/error.h"
#include "repo/blob_writer.h"
#include "repo/index_fit.h"
#include "repo/tree_roots.h"

namespace holdfast::job {

namespace {

// Snapshots that cannot be read keep nothing from being recovered.
std::vector<format::Id> trees_of_snapshots(repo::Repository& repository,
                                           model::Observer& observer) {
  std::vector<std::string> damaged;
  std::vector<format::Id> trees;
  for (const archive::Snapshot& snapshot : archive::load_snapshots(repository, &damaged)) {
    trees.push_back(snapshot.file.tree);
  }
  for (const std::string& line : damaged) observer.warning(line);
  return trees;
}

format::Node directory_node(const Environment& environment, const Timestamp& now,
                            const format::Id& tree) {
  format::Node node;
  node.type = format::NodeType::dir;
  node.mode = format::to_go_mode(S_IFDIR | 0755);
  node.mtime = node.atime = node.ctime = now;
  node.uid = environment.uid;
  node.gid = environment.gid;
  node.subtree = tree;
  return node;
}

}  // namespace

RecoverReport recover(const Environment& environment, const RepositoryAccess& access,
                      model::Observer& observer, std::stop_source& stop) {
  if (access.no_lock) throw Error(Errc::usage, "recover needs a lock");
  OpenedRepository opened = open_repository(environment, access, LockMode::exclusive, stop);
  repo::Repository& repository = *opened.repository;
  const std::vector<format::Id> known = trees_of_snapshots(repository, observer);
  repo::load_fitting_index(repository, observer, stop.get_token());
  observer.phase("looking for trees without a snapshot");
  const std::vector<format::Id> roots =
      repo::find_tree_roots(repository, known, observer, stop.get_token());
  RecoverReport report;
  report.roots = roots.size();
  if (roots.empty()) return report;

  format::SnapshotFile snapshot;
  snapshot.time = environment.clock->now();
  repo::BlobWriter writer(repository, make_writer_options(environment, access, false),
                          opened.lock.get());
  archive::RepairEdit edit(repository.index(), observer);
  archive::TreeRewriter rewriter(repository, writer, edit, {.by_path = false, .tolerant = true});
  archive::TreeBuilder builder(snapshot.time);
  std::string last_name;
  for (const format::Id& root : roots) {
    const archive::RewrittenTree whole = rewriter.rewrite(root, observer, stop.get_token());
    report.lost += whole.totals.changes;
    if (!whole.tree) continue;
    // Sorted, so that equal fronts follow each other.
    const bool is_taken = root.short_hex() == last_name;
    last_name = root.short_hex();
    builder.add_node(is_taken ? root.hex() : last_name,
                     directory_node(environment, snapshot.time, *whole.tree));
  }
  repo::BlobWriter::Worker worker(repository);
  snapshot.tree = builder.save(writer, worker);
  writer.finish();
  snapshot.paths = {"/recover"};
  snapshot.hostname = environment.hostname;
  snapshot.username = environment.username;
  snapshot.uid = environment.uid;
  snapshot.gid = environment.gid;
  snapshot.tags = {"recovered"};
  snapshot.program_version = program_version_text();
  if (stop.stop_requested()) {
    throw Error(Errc::cancelled, "interrupted before the snapshot was written");
  }
  report.snapshot = archive::save_snapshot(repository, opened.lock.get(), snapshot);
  return report;
}

}  // namespace holdfast::job

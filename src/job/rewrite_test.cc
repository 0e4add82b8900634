// SPDX-License-Identifier: Apache-2.0
#include "job/rewrite.h"

#include "archive/tree_walk.h"
#include "base/error.h"
#include "job/drill.h"
#include "job/files_backup.h"
#include "job/instance_restore.h"
#include "job/snapshots.h"
#include "job/test_instance.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

// The paths of all files below a snapshot's tree.
std::vector<std::string> files_of(const Environment& environment, const RepositoryAccess& access,
                                  const format::Id& snapshot) {
  std::stop_source stop;
  model::SilentObserver observer;
  const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
  opened.repository->load_index(observer);
  const archive::Snapshot found =
      archive::find_snapshot(*opened.repository, snapshot.hex(), {}).snapshot;
  std::vector<std::string> paths;
  archive::walk_tree(*opened.repository, found.file.tree,
                     [&](const std::string& path, const format::Node& node) {
                       if (node.type == format::NodeType::file)
                         paths.push_back(path.substr(path.rfind('/') + 1));
                       return archive::Walk::on;
                     });
  return paths;
}

class Rewrite : public JobTest {
 protected:
  Rewrite() {
    write("d/a.txt", "a");
    write("d/sub/b.log", "bb");
    write("d/sub/c.txt", "ccc");
  }
  format::Id save(const std::vector<std::string>& tags = {}) {
    FilesBackupOptions backup;
    backup.paths = {path("d")};
    backup.labels.tags = tags;
    return backup_files(environment, access, backup, observer, stop).snapshot.value();
  }
  SnapshotChanges run(const RewriteOptions& options) {
    return rewrite_snapshots(environment, access, options, observer, stop);
  }
  std::vector<archive::Snapshot> snapshots() {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    return archive::load_snapshots(*opened.repository);
  }
  std::vector<std::string> files(const format::Id& snapshot) {
    return files_of(environment, access, snapshot);
  }
  static RewriteOptions leave_out(std::string_view pattern) {
    RewriteOptions options;
    options.excludes.add(pattern, false);
    return options;
  }
  void change_snapshot(const std::function<void(format::SnapshotFile&)>& change) {
    const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
    for (archive::Snapshot& each : archive::load_snapshots(*opened.repository)) {
      change(each.file);
      static_cast<void>(archive::save_snapshot(*opened.repository, opened.lock.get(), each.file));
      opened.repository->remove(storage::FileKind::snapshot, each.id);
    }
  }
};

TEST_F(Rewrite, LeavesOutWhatMatchesAndKeepsAllElse) {
  const format::Id before = save({"mine"});
  const SnapshotChanges changes = run(leave_out("*.log"));
  ASSERT_EQ(changes.changes.size(), 1U);
  const SnapshotChange& change = changes.changes[0];
  EXPECT_EQ(change.before.id, before);
  EXPECT_FALSE(change.is_removed);
  EXPECT_EQ(files(*change.id), (std::vector<std::string>{"a.txt", "c.txt"}));
  EXPECT_EQ(files(before).size(), 3U);
  const format::SnapshotFile& file = *change.after;
  EXPECT_EQ(file.original, before);
  EXPECT_EQ(file.tags, (std::vector<std::string>{"mine", "rewrite"}));
  EXPECT_EQ(file.summary->total_files_processed, 2U);
  EXPECT_EQ(file.summary->total_bytes_processed, 4U);
  EXPECT_EQ(file.summary->files_new, 3U);
  EXPECT_EQ(file.time, change.before.file.time);
  EXPECT_EQ(file.hostname, change.before.file.hostname);
  EXPECT_EQ(snapshots().size(), 2U);
}

TEST_F(Rewrite, StoresTheNewBeforeItRemovesTheOld) {
  const format::Id before = save();
  log.changes.clear();
  RewriteOptions options = leave_out("*.log");
  options.forget = true;
  const SnapshotChanges changes = run(options);
  EXPECT_TRUE(changes.changes.at(0).is_removed);
  EXPECT_TRUE(changes.changes.at(0).after->tags.empty());
  EXPECT_EQ(log.without_locks(),
            (std::vector<std::string>{"put pack", "put index", "put snapshot", "remove snapshot"}));
  ASSERT_EQ(snapshots().size(), 1U);
  EXPECT_EQ(snapshots()[0].file.original, before);
}

TEST_F(Rewrite, KeepsTheOldWhereTheNewCannotBeStored) {
  static_cast<void>(save());
  RewriteOptions options = leave_out("*.log");
  options.forget = true;
  for (const char* const change : {"put pack", "put index", "put snapshot"}) {
    log.fail_on = change;
    EXPECT_THROW(run(options), Error) << change;
    log.fail_on.clear();
    ASSERT_EQ(snapshots().size(), 1U) << change;
    EXPECT_EQ(files(snapshots()[0].id).size(), 3U);
  }
  log.fail_on = "remove snapshot";
  EXPECT_EQ(run(options).failed, 1U);
  EXPECT_EQ(snapshots().size(), 2U);
}

TEST_F(Rewrite, LeavesAloneWhatWouldNotChange) {
  static_cast<void>(save());
  log.changes.clear();
  RewriteOptions options = leave_out("*.none");
  options.forget = true;
  options.new_hostname = "testhost";
  EXPECT_TRUE(run(options).changes.empty());
  RewriteOptions summary;
  summary.snapshot_summary = true;
  EXPECT_TRUE(run(summary).changes.empty());
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(Rewrite, TakesOnlyWhatMatches) {
  static_cast<void>(save());
  RewriteOptions options;
  options.includes.add("sub/*.txt", false);
  const SnapshotChanges changes = run(options);
  EXPECT_EQ(files(*changes.changes.at(0).id), std::vector<std::string>{"c.txt"});
  RewriteOptions nothing;
  nothing.forget = true;
  nothing.includes.add("*.none", false);
  EXPECT_TRUE(run(nothing).changes.empty());
  EXPECT_EQ(snapshots().size(), 2U);
}

TEST_F(Rewrite, ChangesHostAndTimeWithoutReadingTrees) {
  const format::Id before = save();
  RewriteOptions options;
  options.new_hostname = "elsewhere";
  options.new_time = from_calendar(2012, 11, 1, 22, 8, 41, 0);
  log.changes.clear();
  const SnapshotChanges changes = run(options);
  const format::SnapshotFile& file = changes.changes.at(0).after.value();
  EXPECT_EQ(file.hostname, "elsewhere");
  EXPECT_EQ(file.time, *options.new_time);
  EXPECT_EQ(file.tree, changes.changes[0].before.file.tree);
  EXPECT_EQ(file.original, before);
  EXPECT_EQ(log.without_locks(), std::vector<std::string>{"put snapshot"});
  // What it was made of first stays named.
  RewriteOptions again;
  again.ids = {changes.changes[0].id->hex()};
  again.new_hostname = "a third";
  EXPECT_EQ(run(again).changes.at(0).after->original, before);
}

TEST_F(Rewrite, CountsWhatASnapshotDoesNotSay) {
  static_cast<void>(save());
  change_snapshot([](format::SnapshotFile& file) { file.summary.reset(); });
  EXPECT_TRUE(run(leave_out("*.none")).changes.empty());
  RewriteOptions options;
  options.snapshot_summary = true;
  options.forget = true;
  const SnapshotChanges changes = run(options);
  const format::SnapshotSummary& summary = changes.changes.at(0).after->summary.value();
  EXPECT_EQ(summary.total_files_processed, 3U);
  EXPECT_EQ(summary.total_bytes_processed, 6U);
  EXPECT_EQ(summary.files_new, 0U);
  EXPECT_TRUE(run(options).changes.empty());
}

TEST_F(Rewrite, ChangesNothingInADryRun) {
  static_cast<void>(save());
  log.changes.clear();
  access.no_lock = true;
  RewriteOptions options = leave_out("*.log");
  options.dry_run = true;
  options.forget = true;
  const SnapshotChanges changes = run(options);
  ASSERT_EQ(changes.changes.size(), 1U);
  EXPECT_FALSE(changes.changes[0].id);
  EXPECT_TRUE(log.changes.empty());
  options.dry_run = false;
  EXPECT_EQ(error_of([&] { run(options); }), Errc::usage);
}

TEST_F(Rewrite, RefusesToDoNothingAndBothKindsOfPatterns) {
  EXPECT_EQ(error_of([&] { run({}); }), Errc::usage);
  RewriteOptions both = leave_out("*.log");
  both.includes.add("*.txt", false);
  EXPECT_EQ(error_of([&] { run(both); }), Errc::usage);
}

TEST_F(Rewrite, ForgetsOnlyUnderTheExclusiveLock) {
  static_cast<void>(save());
  const OpenedRepository reader = open_repository(environment, access, LockMode::shared, stop);
  RewriteOptions options = leave_out("*.log");
  options.forget = true;
  EXPECT_EQ(error_of([&] { run(options); }), Errc::locked);
  options.forget = false;
  EXPECT_EQ(run(options).changes.size(), 1U);
}

TEST_F(Rewrite, RewritesManySnapshotsForTheCostOfOne) {
  for (const char* const text : {"1", "2", "3"}) {
    write("d/a.txt", text);
    static_cast<void>(save());
  }
  const SnapshotChanges changes = run(leave_out("*.log"));
  EXPECT_EQ(changes.changes.size(), 3U);
  for (const SnapshotChange& change : changes.changes) EXPECT_EQ(files(*change.id).size(), 2U);
}

// What the manifest says must stay true.
class RewriteInstance : public InstanceTest {
 protected:
  SnapshotChanges leave_out(std::string_view pattern, bool forget = true) {
    RewriteOptions options;
    options.excludes.add(pattern, false);
    options.forget = forget;
    TestObserver observer;
    SnapshotChanges changes = rewrite_snapshots(environment_, access_, options, observer, stop_);
    warnings = observer.warnings;
    return changes;
  }
  model::Manifest manifest(const format::Id& tree) {
    TestObserver observer;
    const OpenedRepository opened = open_repository(environment_, alone_, LockMode::none, stop_);
    opened.repository->load_index(observer);
    return load_instance_tree(*opened.repository, tree).manifest;
  }
  DrillReport drill_latest() {
    TestObserver observer;
    return drill(environment_, access_, "latest", instance_at(source()), observer, stop_);
  }
  std::vector<archive::Snapshot> snapshots() {
    const OpenedRepository opened = open_repository(environment_, alone_, LockMode::none, stop_);
    return archive::load_snapshots(*opened.repository);
  }
  std::vector<std::string> warnings;
};

TEST_F(RewriteInstance, ThatLostSomethingSaysItIsIncomplete) {
  static_cast<void>(back_up(instance_at(source())));
  const SnapshotChanges changes = leave_out("b.txt");
  ASSERT_EQ(changes.changes.size(), 1U);
  EXPECT_TRUE(changes.changes[0].after->has_tag(instance_tag));
  const model::Manifest reduced = manifest(changes.changes[0].after->tree);
  EXPECT_FALSE(reduced.complete);
  ASSERT_FALSE(reduced.findings.empty());
  EXPECT_EQ(reduced.findings.back().code, snapshot_reduced);
  EXPECT_EQ(reduced.findings.back().seen,
            "1 files or directories were left out by `holdfast rewrite`");
  const DrillReport report = drill_latest();
  EXPECT_FALSE(report.passed());
  EXPECT_FALSE(report.complete);
  EXPECT_FALSE(report.proof);
  EXPECT_EQ(report.missing, std::vector<std::string>{reduced.findings.back().seen});
}

TEST_F(RewriteInstance, LosesTheProofOfTheTreeThatWent) {
  static_cast<void>(back_up(instance_at(source())));
  ASSERT_TRUE(drill_latest().proof);
  const SnapshotChanges changes = leave_out("b.txt");
  EXPECT_EQ(changes.changes.size(), 1U);
  EXPECT_EQ(changes.proofs.size(), 1U);
  EXPECT_EQ(snapshots().size(), 1U);
}

TEST_F(RewriteInstance, KeepsTheProofOfATreeThatStays) {
  static_cast<void>(back_up(instance_at(source())));
  ASSERT_TRUE(drill_latest().proof);
  EXPECT_TRUE(leave_out("proof.json").changes.empty());  // proofs are never rewritten
  RewriteOptions options;
  options.new_hostname = "elsewhere";
  options.forget = true;
  TestObserver observer;
  const SnapshotChanges changes =
      rewrite_snapshots(environment_, access_, options, observer, stop_);
  EXPECT_EQ(changes.changes.size(), 1U);
  EXPECT_TRUE(changes.proofs.empty());
  EXPECT_TRUE(manifest(changes.changes[0].after->tree).complete);
  EXPECT_EQ(snapshots().size(), 2U);
}

TEST_F(RewriteInstance, WithoutItsManifestIsNoneOfAnInstance) {
  static_cast<void>(back_up(instance_at(source())));
  const SnapshotChanges changes = leave_out("holdfast.json");
  EXPECT_FALSE(changes.changes.at(0).after->has_tag(instance_tag));
  EXPECT_EQ(warnings.size(), 1U);
  EXPECT_EQ(error_of([&] { static_cast<void>(drill_latest()); }), Errc::not_found);
}

TEST_F(RewriteInstance, ComesBehindTheWholeOneOfTheSameTime) {
  const format::Id whole = back_up(instance_at(source()));
  EXPECT_EQ(leave_out("b.txt", false).changes.size(), 1U);
  const DrillReport report = drill_latest();
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report.snapshot, whole);
}

}  // namespace
}  // namespace holdfast::job

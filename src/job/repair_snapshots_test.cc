// SPDX-License-Identifier: Apache-2.0
#include "job/repair_snapshots.h"

#include "archive/tree_walk.h"
#include "base/error.h"
#include "job/check.h"
#include "job/drill.h"
#include "job/files_backup.h"
#include "job/test_instance.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

// Takes what lies in a pack out of the repository, and its name out of the index, as `repair index`
// does when a pack is lost.
void lose_pack(repo::Repository& repository, const format::Id& pack) {
  std::vector<format::IndexedPack> rest;
  repository.index().for_each_pack([&](std::uint32_t, const format::IndexedPack& each) {
    if (each.id != pack) rest.push_back(each);
  });
  const std::vector<format::Id> before = repository.index_files();
  std::string json;
  format::append_index_json(json, rest);
  static_cast<void>(repository.save_unpacked(storage::FileKind::index, json));
  for (const format::Id& id : before) repository.remove(storage::FileKind::index, id);
  repository.remove(storage::FileKind::pack, pack);
}

class RepairSnapshots : public JobTest {
 protected:
  RepairSnapshots() {
    write("d/a.txt", "first");
    write("d/sub/b.txt", "second");
    first = save();
    write("d/a.txt", "third");
    second = save();
  }
  format::Id save() {
    FilesBackupOptions backup;
    backup.paths = {path("d")};
    return backup_files(environment, access, backup, observer, stop).snapshot.value();
  }
  RepairSnapshotsReport run(bool forget, bool dry_run = false) {
    RepairSnapshotsOptions options;
    options.forget = forget;
    options.dry_run = dry_run;
    return repair_snapshots(environment, access, options, told, stop);
  }
  // Runs `body` on the repository with its index.
  template <typename Body>
  void with_repository(Body&& body) {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    opened.repository->load_index(observer);
    body(*opened.repository);
  }
  // Loses the pack that holds this content, or the tree of this directory of a snapshot.
  void lose_content(std::string_view content) {
    with_repository([&](repo::Repository& repository) {
      const format::BlobHandle blob{format::BlobType::data, format::id_of(as_bytes(content))};
      lose_pack(repository, repository.index().find(blob)->pack);
    });
  }
  void lose_tree(const format::Id& snapshot, const std::string& directory) {
    with_repository([&](repo::Repository& repository) {
      const archive::FoundSnapshot found =
          archive::find_snapshot(repository, snapshot.hex() + ":" + directory, {});
      const format::Id tree = archive::tree_of(repository, found);
      lose_pack(repository, repository.index().find({format::BlobType::tree, tree})->pack);
    });
  }
  std::uint64_t faults() {
    CheckJobOptions options;
    options.check.read_data = true;
    return check_repository(environment, access, options, observer, stop).errors.size();
  }
  std::vector<archive::Snapshot> snapshots() {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    return archive::load_snapshots(*opened.repository);
  }
  std::uint64_t size_of(const format::Id& tree, const std::string& file) {
    std::uint64_t size = 0;
    with_repository([&](repo::Repository& repository) {
      size = archive::find_node(repository, tree, file).value().size_bytes;
    });
    return size;
  }

  format::Id first, second;
  TestObserver told;
};

TEST_F(RepairSnapshots, NeverTouchesWhatIsWhole) {
  log.changes.clear();
  EXPECT_TRUE(run(true).changes.changes.empty());
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(RepairSnapshots, TakesOutLostContentAndLosesNothingElse) {
  lose_content("first");  // with "second", which is in its pack, and in both snapshots
  ASSERT_NE(faults(), 0U);
  const RepairSnapshotsReport report = run(true);
  ASSERT_EQ(report.changes.changes.size(), 2U);
  for (const SnapshotChange& change : report.changes.changes) {
    EXPECT_TRUE(change.is_removed);
    EXPECT_EQ(change.after->original, change.before.id);
    EXPECT_TRUE(change.after->tags.empty());
  }
  EXPECT_EQ(faults(), 0U);
  EXPECT_EQ(snapshots().size(), 2U);
  EXPECT_EQ(size_of(report.changes.changes[0].after->tree, path("d/a.txt")), 0U);
  EXPECT_EQ(size_of(report.changes.changes[1].after->tree, path("d/a.txt")), 5U);
  EXPECT_FALSE(told.warnings.empty());
  EXPECT_TRUE(run(true).changes.changes.empty());
}

TEST_F(RepairSnapshots, LeavesTheDamagedUnlessTheyAreToBeForgotten) {
  lose_content("third");
  const RepairSnapshotsReport report = run(false);
  ASSERT_EQ(report.changes.changes.size(), 1U);
  EXPECT_EQ(report.changes.changes[0].before.id, second);
  EXPECT_TRUE(report.changes.changes[0].after->has_tag("repaired"));
  EXPECT_EQ(snapshots().size(), 3U);
}

TEST_F(RepairSnapshots, OfASnapshotWithoutRootNothingIsLeft) {
  lose_tree(second, "/");  // its new trees lie in one pack
  const RepairSnapshotsReport kept = run(false);
  ASSERT_EQ(kept.changes.changes.size(), 1U);
  EXPECT_FALSE(kept.changes.changes[0].after);
  EXPECT_EQ(snapshots().size(), 2U);
  EXPECT_TRUE(run(true).changes.changes.at(0).is_removed);
  ASSERT_EQ(snapshots().size(), 1U);
  EXPECT_EQ(snapshots()[0].id, first);
  EXPECT_EQ(faults(), 0U);
}

TEST_F(RepairSnapshots, StoresTheNewBeforeItRemovesTheOld) {
  lose_content("third");
  log.changes.clear();
  static_cast<void>(run(true));
  EXPECT_EQ(log.without_locks(),
            (std::vector<std::string>{"put pack", "put index", "put snapshot", "remove snapshot"}));
}

TEST_F(RepairSnapshots, ChangesNothingInADryRun) {
  lose_content("third");
  log.changes.clear();
  access.no_lock = true;
  EXPECT_EQ(run(true, true).changes.changes.size(), 1U);
  EXPECT_TRUE(log.changes.empty());
  EXPECT_EQ(error_of([&] { static_cast<void>(run(true)); }), Errc::usage);
}

// What the index lacks may still be there.
TEST_F(RepairSnapshots, RefusesWhereTheIndexDoesNotFitThePacks) {
  with_repository([&](repo::Repository& repository) {
    repository.remove(storage::FileKind::index, repository.index_files().at(0));
  });
  log.changes.clear();
  std::string message;
  EXPECT_EQ(error_of([&] { static_cast<void>(run(true)); }, &message), Errc::corrupt);
  EXPECT_NE(message.find("the index does not fit the packs"), std::string::npos) << message;
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(RepairSnapshots, TellsSnapshotsThatCannotBeRead) {
  write_file_durably(path("repository/snapshots/" + std::string(64, 'a')), as_bytes("no"), 0600);
  lose_content("third");
  const RepairSnapshotsReport report = run(true);
  EXPECT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.changes.changes.size(), 1U);
  EXPECT_EQ(report.torn.size(), 1U);
  EXPECT_TRUE(run(true).damaged.empty()) << "it is gone";
}

class RepairInstance : public InstanceTest {
 protected:
  // The older is whole, the newer, which is proven, has a file more.
  RepairInstance() {
    static_cast<void>(back_up(instance_at(source())));
    write(source() / "files/new.txt", "written later");
    newer_ = back_up(instance_at(source()));
    EXPECT_TRUE(drill_latest().proof);
  }
  // Loses the pack that holds a file of the newer one.
  void lose(const std::string& place) {
    with_repository([&](repo::Repository& repository) {
      const format::Id tree =
          archive::find_snapshot(repository, newer_.hex(), {}).snapshot.file.tree;
      const format::Node node = archive::find_node(repository, tree, place).value();
      const format::BlobHandle blob{format::BlobType::data, node.content.value().at(0)};
      lose_pack(repository, repository.index().find(blob)->pack);
    });
  }
  template <typename Body>
  void with_repository(Body&& body) {
    TestObserver observer;
    const OpenedRepository opened = open_repository(environment_, alone_, LockMode::none, stop_);
    opened.repository->load_index(observer);
    body(*opened.repository);
  }
  SnapshotChanges repair() {
    RepairSnapshotsOptions options;
    options.forget = true;
    TestObserver observer;
    return repair_snapshots(environment_, access_, options, observer, stop_).changes;
  }
  DrillReport drill_latest() {
    TestObserver observer;
    return drill(environment_, access_, "latest", instance_at(source()), observer, stop_);
  }

 private:
  format::Id newer_;
};

TEST_F(RepairInstance, NeverPassesAsWholeOrProvenAgain) {
  lose("/shop/files/uploads" + (source() / "files/new.txt").string());
  const SnapshotChanges changes = repair();
  ASSERT_EQ(changes.changes.size(), 1U);
  EXPECT_EQ(changes.proofs.size(), 1U);
  const format::SnapshotFile& made = changes.changes[0].after.value();
  ASSERT_TRUE(made.has_tag(instance_tag));
  with_repository([&](repo::Repository& repository) {
    const model::Manifest manifest = load_instance_tree(repository, made.tree).manifest;
    EXPECT_FALSE(manifest.complete);
    ASSERT_FALSE(manifest.findings.empty());
    EXPECT_EQ(manifest.findings.back().code, snapshot_reduced);
  });
  const DrillReport drilled = drill_latest();
  EXPECT_FALSE(drilled.passed());
  EXPECT_FALSE(drilled.complete);
}

TEST_F(RepairInstance, WithoutItsManifestLeavesTheOlderOneTheLatest) {
  lose("/shop/holdfast.json");
  const SnapshotChanges changes = repair();
  ASSERT_EQ(changes.changes.size(), 1U);
  EXPECT_FALSE(changes.changes[0].after.value().has_tag(instance_tag));
  EXPECT_EQ(changes.proofs.size(), 1U);
  EXPECT_TRUE(drill_latest().passed());
}

}  // namespace
}  // namespace holdfast::job

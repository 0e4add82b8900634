// SPDX-License-Identifier: Apache-2.0
#include "job/recover.h"

#include "archive/tree_walk.h"
#include "base/error.h"
#include "job/check.h"
#include "job/files_backup.h"
#include "job/test_instance.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class Recover : public JobTest {
 protected:
  format::Id save(std::string_view content) {
    write("d/sub/a.txt", content);
    FilesBackupOptions backup;
    backup.paths = {path("d")};
    return backup_files(environment, access, backup, observer, stop).snapshot.value();
  }
  // Its tree.
  format::Id forget(const format::Id& snapshot) {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    const format::Id tree =
        archive::find_snapshot(*opened.repository, snapshot.hex(), {}).snapshot.file.tree;
    opened.repository->remove(storage::FileKind::snapshot, snapshot);
    return tree;
  }
  RecoverReport run() { return recover(environment, access, told, stop); }
  std::uint64_t faults() {
    CheckJobOptions options;
    options.check.read_data = true;
    return check_repository(environment, access, options, observer, stop).errors.size();
  }
  TestObserver told;
};

TEST_F(Recover, PutsLostTreesIntoOneSnapshot) {
  const format::Id kept = save("kept");
  const format::Id one = forget(save("lost"));
  const format::Id two = forget(save("lost too"));
  const RecoverReport report = run();
  EXPECT_EQ(report.roots, 2U);
  EXPECT_EQ(report.lost, 0U);
  const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
  opened.repository->load_index(observer);
  const archive::Snapshot made =
      archive::find_snapshot(*opened.repository, report.snapshot.value().hex(), {}).snapshot;
  EXPECT_EQ(made.file.paths, std::vector<std::string>{"/recover"});
  EXPECT_EQ(made.file.tags, std::vector<std::string>{"recovered"});
  EXPECT_EQ(made.file.hostname, "testhost");
  for (const format::Id& tree : {one, two}) {
    EXPECT_EQ(archive::find_tree(*opened.repository, made.file.tree, "/" + tree.short_hex()), tree);
  }
  EXPECT_EQ(archive::load_snapshots(*opened.repository).size(), 2U);
  EXPECT_EQ(faults(), 0U);
  EXPECT_EQ(run().roots, 0U);  // nothing is left to recover
  static_cast<void>(kept);
}

TEST_F(Recover, WritesNothingWhereNothingIsLost) {
  static_cast<void>(save("kept"));
  log.changes.clear();
  EXPECT_FALSE(run().snapshot);
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(Recover, MakesOnlyWholeSnapshots) {
  static_cast<void>(save("kept"));
  const format::Id root = forget(save("lost"));
  {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    opened.repository->load_index(observer);
    // As a prune that was interrupted leaves it: the content is gone, the trees are not.
    const format::BlobHandle blob{format::BlobType::data, format::id_of(as_bytes("lost"))};
    const format::Id gone = opened.repository->index().find(blob)->pack;
    std::vector<format::IndexedPack> rest;
    opened.repository->index().for_each_pack([&](std::uint32_t, const format::IndexedPack& pack) {
      if (pack.id != gone) rest.push_back(pack);
    });
    const std::vector<format::Id> before = opened.repository->index_files();
    std::string json;
    format::append_index_json(json, rest);
    static_cast<void>(opened.repository->save_unpacked(storage::FileKind::index, json));
    for (const format::Id& id : before) opened.repository->remove(storage::FileKind::index, id);
    opened.repository->remove(storage::FileKind::pack, gone);
  }
  const RecoverReport report = run();
  EXPECT_TRUE(report.snapshot);
  EXPECT_EQ(report.lost, 1U);
  EXPECT_EQ(faults(), 0U);
  EXPECT_EQ(told.warnings.size(), 1U);
  static_cast<void>(root);
}

TEST_F(Recover, RefusesWhereTheIndexDoesNotFitThePacks) {
  static_cast<void>(save("kept"));
  {
    const OpenedRepository opened = open_repository(environment, access, LockMode::none, stop);
    for (const format::Id& id : opened.repository->list(storage::FileKind::index)) {
      opened.repository->remove(storage::FileKind::index, id);
    }
  }
  EXPECT_EQ(error_of([&] { static_cast<void>(run()); }), Errc::corrupt);
  access.no_lock = true;
  EXPECT_EQ(error_of([&] { static_cast<void>(run()); }), Errc::usage);
}

}  // namespace
}  // namespace holdfast::job

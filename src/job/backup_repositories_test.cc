// SPDX-License-Identifier: Apache-2.0
// Several repositories from one read: each gets a whole copy, and one that fails stops no other.
#include "job/backup_repositories.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>

#include "archive/tree_walk.h"
#include "job/file_listing.h"
#include "job/instance_preflight.h"
#include "job/instance_restore.h"
#include "job/test_instance.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class BackupRepositoriesTest : public InstanceTest {
 protected:
  BackupRepositoriesTest() {
    options_.extra_repositories = {make("second"), make("third")};
    std::mt19937_64 random(1);
    std::string noise(20'000'000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    write(source() / "files/large", noise);
    access_.pack_size_bytes = 4U << 20U;
    for (RepositoryAccess& extra : options_.extra_repositories) extra.pack_size_bytes = 4U << 20U;
  }
  // A repository of its own key and chunk parameters.
  RepositoryAccess make(const std::string& name) {
    RepositoryAccess access = access_;
    access.location = (root() / name).string();
    repo::Repository::InitOptions init;
    init.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
    static_cast<void>(repo::init(make_location(environment_, access, {}), *access.password, init));
    return access;
  }
  InstanceBackupReport back_up() {
    return backup_instance(environment_, access_, instance_, options_, observer_, stop_);
  }
  [[nodiscard]] const RepositoryAccess& access(std::size_t number) const {
    return number == 0 ? access_ : options_.extra_repositories[number - 1];
  }
  std::vector<archive::Snapshot> snapshots(std::size_t number) {
    OpenedRepository opened =
        open_repository(environment_, access(number), LockMode::shared, stop_);
    return instance_snapshots(archive::load_snapshots(*opened.repository), instance_.name);
  }
  // The latest copy there is whole: its manifest is of its own trees, and it can be restored.
  void expect_whole(std::size_t number, const format::Id& snapshot) {
    SCOPED_TRACE("repository " + std::to_string(number));
    {
      OpenedRepository opened =
          open_repository(environment_, access(number), LockMode::shared, stop_);
      repo::Repository& repository = *opened.repository;
      repository.load_index(observer_);
      const auto found = archive::find_snapshot(repository, snapshot.hex(), {}).snapshot;
      const InstanceTree tree = load_instance_tree(repository, found.file.tree);
      const model::FilesFacts& files = tree.manifest.files.at(0);
      FileListing listing = list_files(
          repository, archive::find_tree(repository, tree.tree, "/" + files.directory), {});
      EXPECT_EQ(listing.finish(), files.content_sha256);
      hashes_.insert(files.content_sha256);
    }
    const fs::path base = root() / ("restored" + std::to_string(number));
    fs::create_directories(base / "db");
    TestObserver observer;
    const InstanceRestoreReport report = restore_instance(
        environment_, access(number), snapshot.hex(), instance_at(base), {}, observer, stop_);
    EXPECT_TRUE(report.missing.empty());
    EXPECT_EQ(read(base / "files/large"), read(source() / "files/large"));
    EXPECT_EQ(read(base / "files/sub/b.txt"), "beta");
    EXPECT_EQ(ask(base / "db/orders.db", "SELECT sum(total) FROM orders"), "410");
    fs::remove_all(base);
  }
  // Takes a repository's packs away as soon as files are copied.
  void lose_packs(std::size_t number) {
    observer_.on_phase = [this, number](std::string_view phase) {
      const fs::path data = fs::path(access(number).location) / "data";
      if (phase == "copying files uploads" && fs::exists(data))
        fs::rename(data, fs::path(access(number).location) / "lost");
    };
  }
  void find_packs(std::size_t number) {
    observer_.on_phase = {};
    fs::rename(fs::path(access(number).location) / "lost",
               fs::path(access(number).location) / "data");
  }

  model::Instance instance_ = instance_at(source());
  InstanceBackupOptions options_;
  TestObserver observer_;
  std::set<std::string> hashes_;
};

TEST_F(BackupRepositoriesTest, EachGetsAWholeCopy) {
  const InstanceBackupReport report = back_up();
  ASSERT_EQ(report.repositories.size(), 3U);
  EXPECT_EQ(report.snapshot, report.repositories[0].snapshot);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(report.repositories[i].failure);
    EXPECT_EQ(report.repositories[i].location, access(i).location);
    EXPECT_GE(report.repositories[i].summary.data_added, 20'000'000U);
    expect_whole(i, report.repositories[i].snapshot.value());
  }
  EXPECT_EQ(hashes_.size(), 3U) << "the listing of each names blobs of its own";
  // The next one goes on from each one's own last snapshot.
  const InstanceBackupReport again = back_up();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_LT(again.repositories[i].summary.data_added, 1'000'000U);
    const auto found = snapshots(i);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].file.parent, found[1].id);
    EXPECT_EQ(found[1].id, report.repositories[i].snapshot);
  }
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(BackupRepositoriesTest, GoOnWhereOneFailsInTheMiddle) {
  for (std::size_t lost = 0; lost < 3; ++lost) {
    SCOPED_TRACE(lost);
    write(source() / "files/changed",
          std::string(3'000'000, static_cast<char>('a' + lost)) + std::to_string(lost));
    lose_packs(lost);
    options_.scrub = true;
    const InstanceBackupReport report = back_up();
    find_packs(lost);
    EXPECT_TRUE(report.manifest.complete);
    EXPECT_EQ(report.snapshot, report.repositories[lost == 0 ? 1 : 0].snapshot);
    for (std::size_t i = 0; i < 3; ++i) {
      const RepositoryOutcome& outcome = report.repositories[i];
      EXPECT_EQ(outcome.failure.has_value(), i == lost);
      EXPECT_EQ(outcome.snapshot.has_value(), i != lost);
      if (i != lost) expect_whole(i, outcome.snapshot.value());
    }
    EXPECT_EQ(observer_.warnings.size(), lost + 1) << "told once";
  }
  // What was missed is caught up with.
  observer_.on_phase = {};
  const InstanceBackupReport report = back_up();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(snapshots(i).size(), 3U);
    expect_whole(i, report.repositories[i].snapshot.value());
  }
}

TEST_F(BackupRepositoriesTest, GoOnWhereOneCannotBeOpened) {
  fs::remove_all(access_.location);
  options_.extra_repositories[0].password = std::make_shared<const Secret>(std::string("wrong"));
  const InstanceBackupReport report = back_up();
  EXPECT_EQ(report.repositories[0].failure->code(), Errc::no_repository);
  EXPECT_EQ(report.repositories[1].failure->code(), Errc::wrong_password);
  EXPECT_EQ(report.snapshot, report.repositories[2].snapshot);
  expect_whole(2, report.snapshot.value());
}

TEST_F(BackupRepositoriesTest, FailTogetherWithTheirNames) {
  fs::remove_all(access_.location);
  options_.extra_repositories[0].failure = Error(Errc::failed_child, "no password");
  lose_packs(2);
  std::string message;
  EXPECT_EQ(error_of([&] { back_up(); }, &message), Errc::no_repository);
  for (const char* words : {"/repository: ", "/second: no password", "/third: "})
    EXPECT_NE(message.find(words), std::string::npos) << message;
  find_packs(2);
  EXPECT_TRUE(snapshots(2).empty());
  EXPECT_TRUE(journals_are_gone());
}

TEST_F(BackupRepositoriesTest, AreNoTwoCopiesInOnePlace) {
  fs::create_directory_symlink(access_.location, root() / "link");
  options_.extra_repositories[1].location = (root() / "link").string();
  // A copy of the whole directory has the same name and is another place.
  fs::copy(access_.location, root() / "copied", fs::copy_options::recursive);
  options_.extra_repositories[0].location = (root() / "copied").string();
  const InstanceBackupReport report = back_up();
  EXPECT_FALSE(report.repositories[1].failure);
  ASSERT_TRUE(report.repositories[2].failure);
  EXPECT_EQ(report.repositories[2].failure->code(), Errc::exists);
  EXPECT_EQ(snapshots(0).size(), 1U);
  EXPECT_EQ(snapshots(1).size(), 1U);
}

TEST_F(BackupRepositoriesTest, LoseALockAlone) {
  observer_.on_phase = [this](std::string_view phase) {
    if (phase != "copying databases") return;
    for (const auto& lock : fs::directory_iterator(root() / "second/locks")) fs::remove(lock);
  };
  const InstanceBackupReport report = back_up();
  EXPECT_FALSE(stop_.stop_requested());
  ASSERT_TRUE(report.repositories[1].failure);
  EXPECT_EQ(report.repositories[1].failure->code(), Errc::locked);
  expect_whole(0, report.repositories[0].snapshot.value());
  expect_whole(2, report.repositories[2].snapshot.value());
  EXPECT_TRUE(snapshots(1).empty());
}

TEST_F(BackupRepositoriesTest, AreLookedAtBeforehand) {
  InstancePreflightOptions preflight;
  preflight.extra_repositories = options_.extra_repositories;
  const auto found = [&] {
    TestObserver observer;
    const InstancePreflightReport report =
        preflight_instance(environment_, &access_, instance_, preflight, observer, stop_);
    std::vector<std::string> lines;
    for (const model::Finding& one : report.findings) {
      if (one.code.find("repository") != std::string::npos)
        lines.push_back(one.code + " " + one.seen);
    }
    return lines;
  };
  EXPECT_TRUE(found().empty());
  fs::remove_all(root() / "third");
  ASSERT_EQ(found().size(), 1U);
  EXPECT_TRUE(found()[0].starts_with("repository-unusable " + (root() / "third").string()))
      << found()[0];
  fs::remove_all(access_.location);
  ASSERT_EQ(found().size(), 2U);
  EXPECT_TRUE(found()[0].starts_with("repository-unusable ")) << found()[0];
  for (const char* name : {"second", "third"}) fs::remove_all(root() / name);
  ASSERT_EQ(found().size(), 1U);
  EXPECT_TRUE(found()[0].starts_with("repository-unobservable ")) << "none is left: " << found()[0];
}

}  // namespace
}  // namespace holdfast::job

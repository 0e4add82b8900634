// SPDX-License-Identifier: Apache-2.0
#include "job/forget.h"

#include "base/error.h"
#include "job/instance_access.h"
#include "job/snapshots.h"
#include "job/test_instance.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class Forget : public JobTest {
 protected:
  format::Id save(int day, std::string_view tree, const std::vector<std::string>& tags = {},
                  const std::string& path = "/x") {
    const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
    format::SnapshotFile snapshot;
    snapshot.time = from_calendar(2020, 1, 1 + day, 12, 0, 0, 0);
    snapshot.hostname = "a";
    snapshot.paths = {path};
    snapshot.tree = format::id_of(as_bytes(tree));
    snapshot.tags = tags;
    return archive::save_snapshot(*opened.repository, opened.lock.get(), snapshot);
  }
  // A proof that a drill of this tree passed.
  format::Id prove(int day, std::string_view tree) {
    return save(day, "proof", {std::string(proof_tag), proof_tag_of(format::id_of(as_bytes(tree)))},
                "/holdfast-proofs/shop");
  }
  ForgetReport run(const ForgetOptions& options) {
    ForgetReport seen;
    static_cast<void>(forget_snapshots(
        environment, access, options, [&](const ForgetReport& report) { seen = report; }, observer,
        stop));
    return seen;
  }
  std::size_t count() {
    std::size_t sum = 0;
    for (const auto& group : list_snapshots(environment, access, {}, observer, stop))
      sum += group.snapshots.size();
    return sum;
  }
  static ForgetOptions keep_last(int last) {
    ForgetOptions options;
    options.policy.last = last;
    return options;
  }
};

TEST_F(Forget, KeepsProofsWhileTheirTreeStays) {
  save(1, "old");
  save(2, "new");
  prove(3, "new");
  const ForgetReport report = run(keep_last(1));
  EXPECT_EQ(report.removed.size(), 1U);
  EXPECT_TRUE(report.proofs.empty());
  EXPECT_EQ(report.groups.size(), 1U);  // proofs form no group of their own
  EXPECT_EQ(count(), 2U);
}

TEST_F(Forget, DropsProofsWithTheirTree) {
  save(1, "old");
  save(2, "new");
  const format::Id proof = prove(3, "old");
  const ForgetReport report = run(keep_last(1));
  EXPECT_EQ(report.removed.size(), 2U);
  EXPECT_EQ(report.proofs, std::vector<format::Id>{proof});
  EXPECT_EQ(count(), 1U);
}

TEST_F(Forget, RemovesNothingInADryRun) {
  save(1, "old");
  save(2, "new");
  ForgetOptions options = keep_last(1);
  options.dry_run = true;
  access.no_lock = true;
  EXPECT_EQ(run(options).removed.size(), 1U);
  EXPECT_EQ(count(), 2U);
}

TEST_F(Forget, GoesOnAfterASnapshotThatCannotBeRemoved) {
  save(1, "one");
  save(2, "two");
  save(3, "three");
  log.fail_on = "remove snapshot";
  const ForgetReport report = run(keep_last(1));
  EXPECT_EQ(report.failed.size(), 2U);
  EXPECT_TRUE(report.removed.empty());
  EXPECT_EQ(observer.errors.load(), 2U);
  EXPECT_EQ(log.changes.back(), "remove lock");
}

TEST_F(Forget, RemovesOnlyUnderTheExclusiveLock) {
  save(1, "old");
  save(2, "new");
  access.no_lock = true;
  EXPECT_THROW(run(keep_last(1)), Error);
  access.no_lock = false;
  const OpenedRepository reader = open_repository(environment, access, LockMode::shared, stop);
  try {
    run(keep_last(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::locked);
  }
  EXPECT_EQ(count(), 2U);
}

TEST_F(Forget, RefusesAPolicyThatKeepsNothing) {
  save(1, "old");
  EXPECT_THROW(run({}), Error);
  ForgetOptions options;
  options.policy.tags = {{"none"}};
  EXPECT_THROW(run(options), Error);
  ForgetOptions all;
  all.unsafe_allow_remove_all = true;
  EXPECT_THROW(run(all), Error);
  EXPECT_EQ(count(), 1U);
  all.filter.hosts = {"a"};
  EXPECT_EQ(run(all).removed.size(), 1U);
  EXPECT_EQ(count(), 0U);
}

// What a damaged snapshot needs, and which proof is its own, is not known.
TEST_F(Forget, RemovesNothingBesideADamagedSnapshot) {
  const format::Id damaged = save(1, "old");
  const format::Id other = save(2, "new");
  prove(3, "old");
  write_file_durably(path("repository/snapshots/" + damaged.hex()), as_bytes("no"), 0600);
  ForgetOptions by_id;
  by_id.ids = {other.hex()};
  log.changes.clear();
  for (const ForgetOptions& options : {by_id, keep_last(1)})
    EXPECT_EQ(error_of([&] { run(options); }), Errc::corrupt);
  EXPECT_TRUE(log.without_locks().empty());
}

}  // namespace
}  // namespace holdfast::job

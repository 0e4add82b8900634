// SPDX-License-Identifier: Apache-2.0
#include "job/snapshots.h"

#include "base/error.h"
#include "job/test_instance.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

class Snapshots : public JobTest {
 protected:
  // Writes a snapshot of nothing, so many days after the first of 2020.
  format::Id save(int day, const std::string& host, const std::string& path) {
    const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
    format::SnapshotFile snapshot;
    snapshot.time = from_calendar(2020, 1, 1 + day, 12, 0, 0, 0);
    snapshot.hostname = host;
    snapshot.paths = {path};
    snapshot.tree = format::id_of({});
    return archive::save_snapshot(*opened.repository, opened.lock.get(), snapshot);
  }
  std::vector<archive::SnapshotGroup> list(const SnapshotsOptions& options) {
    return list_snapshots(environment, access, options, observer, stop);
  }
};

TEST_F(Snapshots, KeepTheNewestOfEachHostAndPath) {
  save(1, "a", "/x");
  const format::Id second = save(2, "a", "/x");
  const format::Id other = save(0, "b", "/x");
  SnapshotsOptions options;
  options.latest = 1;
  const auto groups = list(options);
  ASSERT_EQ(groups.size(), 1U);
  ASSERT_EQ(groups[0].snapshots.size(), 2U);
  EXPECT_EQ(groups[0].snapshots[0].id, second);
  EXPECT_EQ(groups[0].snapshots[1].id, other);
}

TEST_F(Snapshots, KeepTheNewestOfEachGroup) {
  save(1, "a", "/x");
  const format::Id newest = save(2, "a", "/y");
  SnapshotsOptions options;
  options.latest = 1;
  options.group_by = "host";
  const auto groups = list(options);
  ASSERT_EQ(groups.size(), 1U);
  ASSERT_EQ(groups[0].snapshots.size(), 1U);
  EXPECT_EQ(groups[0].snapshots[0].id, newest);
}

TEST_F(Snapshots, AreEachNamedOnce) {
  const format::Id first = save(1, "a", "/x");
  const format::Id second = save(2, "a", "/x");
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  const auto selected =
      named_snapshots(*opened.repository, {"latest", first.hex(), second.hex()}, {});
  ASSERT_EQ(selected.size(), 2U);
  EXPECT_EQ(selected[0].id, first);
  EXPECT_EQ(selected[1].id, second);
  EXPECT_THROW(static_cast<void>(named_snapshots(*opened.repository, {"latest:/sub"}, {})), Error);
}

TEST_F(Snapshots, OfWhichOneIsDamagedAreListedWithoutIt) {
  const format::Id first = save(1, "a", "/x");
  const format::Id second = save(2, "a", "/x");
  write_file_durably(path("repository/snapshots/" + first.hex()), as_bytes("no"), 0600);
  struct : model::Observer {
    void warning(std::string_view text) override { warnings.emplace_back(text); }
    std::vector<std::string> warnings;
  } watching;
  const auto groups = list_snapshots(environment, access, {}, watching, stop);
  ASSERT_EQ(groups.size(), 1U);
  ASSERT_EQ(groups[0].snapshots.size(), 1U);
  EXPECT_EQ(groups[0].snapshots[0].id, second);
  ASSERT_EQ(watching.warnings.size(), 1U);
  EXPECT_NE(watching.warnings[0].find(first.short_hex()), std::string::npos)
      << watching.warnings[0];
  // Which is the newest cannot be told; by its id the other one is still had.
  SnapshotsOptions options;
  options.ids = {"latest"};
  EXPECT_EQ(error_of([&] { static_cast<void>(list(options)); }), Errc::corrupt);
  options.ids = {second.hex()};
  EXPECT_EQ(list(options).size(), 1U);
}

}  // namespace
}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/tag.h"

#include <set>

#include "base/error.h"
#include "job/files_backup.h"
#include "job/snapshots.h"
#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

using Tags = std::vector<std::string>;

class TagJob : public JobTest {
 protected:
  format::Id backup(const Tags& tags) {
    write("d/a", "content");
    FilesBackupOptions options;
    options.paths = {path("d")};
    options.labels.tags = tags;
    const format::Id id = *backup_files(environment, access, options, observer, stop).snapshot;
    log.changes.clear();
    return id;
  }
  TagReport tag(const TagOptions& options) {
    return tag_snapshots(
        environment, access, options,
        [this](const format::Id& before, const format::Id& after) {
          changes.push_back({before, after});
        },
        observer, stop);
  }
  std::vector<archive::Snapshot> all() {
    std::vector<archive::Snapshot> found;
    for (const auto& group : list_snapshots(environment, access, {}, observer, stop))
      found.insert(found.end(), group.snapshots.begin(), group.snapshots.end());
    return found;
  }
  Errc code_of(const TagOptions& options) {
    try {
      static_cast<void>(tag(options));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }
  std::vector<std::pair<format::Id, format::Id>> changes;
};

TEST_F(TagJob, StoresTheNewSnapshotBeforeTheOldOneGoes) {
  const format::Id first = backup({"a", "b"});
  EXPECT_EQ(tag({.add = {"c", "a"}, .remove = {"b"}}).changed, 1U);
  EXPECT_EQ(log.without_locks(), (Tags{"put snapshot", "remove snapshot"}));
  archive::Snapshot now = all().at(0);
  EXPECT_EQ(now.file.tags, (Tags{"a", "c"}));
  EXPECT_EQ(now.file.original, first);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0], std::pair(first, now.id));
  EXPECT_EQ(tag({.set = {"x", "x", "y"}}).changed, 1U);
  now = all().at(0);
  EXPECT_EQ(now.file.tags, (Tags{"x", "y"}));
  EXPECT_EQ(now.file.original, first);
}

TEST_F(TagJob, LeavesASnapshotWhoseTagsStay) {
  backup({"a"});
  EXPECT_EQ(tag({.add = {"a"}, .remove = {"b"}}).changed, 0U);
  EXPECT_TRUE(log.without_locks().empty());
}

TEST_F(TagJob, ChangesThoseThatAreMeant) {
  backup({"a"});
  const format::Id second = backup({"b"});
  archive::SnapshotFilter filter;
  filter.tag_lists = {{"a"}};
  EXPECT_EQ(tag({.filter = filter, .add = {"found"}}).changed, 1U);
  EXPECT_EQ(tag({.ids = {second.hex()}, .add = {"named"}}).changed, 1U);
  std::set<Tags> tags;
  for (const archive::Snapshot& snapshot : all()) tags.insert(snapshot.file.tags);
  EXPECT_EQ(tags, (std::set<Tags>{{"a", "found"}, {"b", "named"}}));
  EXPECT_EQ(code_of({.ids = {"feedfeed"}, .add = {"x"}}), Errc::not_found);
}

TEST_F(TagJob, KeepsTheTagsOfInstancesWhereTagsAreSet) {
  backup({"holdfast", "profile=custom", "weekly"});
  backup({"profile=mine"});
  EXPECT_EQ(tag({.set = {"kept"}}).changed, 2U);
  std::set<Tags> tags;
  for (const archive::Snapshot& snapshot : all()) tags.insert(snapshot.file.tags);
  EXPECT_EQ(tags, (std::set<Tags>{{"holdfast", "profile=custom", "kept"}, {"kept"}}));
}

TEST_F(TagJob, GoesOnPastASnapshotThatCannotBeChanged) {
  backup({"a"});
  log.fail_on = "put snapshot";
  const TagReport report = tag({.add = {"b"}});
  EXPECT_EQ(report.failed, 1U);
  EXPECT_EQ(report.changed, 0U);
  log.fail_on.clear();
  EXPECT_EQ(all().at(0).file.tags, Tags{"a"});
  log.fail_on = "remove snapshot";
  EXPECT_EQ(tag({.add = {"b"}}).failed, 1U);
  log.fail_on.clear();
  EXPECT_EQ(all().size(), 2U);  // both are whole
}

TEST_F(TagJob, RefusesWhatMakesNoSense) {
  backup({"a"});
  EXPECT_EQ(code_of({}), Errc::usage);
  EXPECT_EQ(code_of({.set = {"a"}, .add = {"b"}}), Errc::usage);
  access.no_lock = true;
  EXPECT_EQ(code_of({.add = {"b"}}), Errc::usage);
  EXPECT_TRUE(log.changes.empty());
}

}  // namespace
}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "archive/snapshots.h"

#include <gtest/gtest.h>

#include "archive/test_repository.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

format::SnapshotFile snapshot(std::string_view time, std::string host,
                              std::vector<std::string> paths, std::vector<std::string> tags = {}) {
  format::SnapshotFile file;
  file.time = parse_rfc3339(time);
  file.hostname = std::move(host);
  file.paths = std::move(paths);
  file.tags = std::move(tags);
  file.tree.bytes.fill(std::byte{5});
  return file;
}

template <typename Body>
Error error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return Error(Errc::bug, "nothing");
}

std::vector<std::string> times_of(const std::vector<Snapshot>& snapshots) {
  std::vector<std::string> times;
  for (const Snapshot& each : snapshots) times.push_back(to_rfc3339(each.file.time).substr(0, 10));
  return times;
}

class Snapshots : public testing::Test {
 protected:
  Snapshots() {
    save(snapshot("2026-01-03T00:00:00+02:00", "a", {"/home", "/etc"}, {"x"}));
    oldest = save(snapshot("2026-01-01T00:00:00Z", "a", {"/etc", "/home"}));
    newest_of_b = save(snapshot("2026-01-02T00:00:00Z", "b", {"/home"}, {"x", "y"}));
  }
  format::Id save(const format::SnapshotFile& file) {
    return save_snapshot(repository.get(), nullptr, file);
  }
  FoundSnapshot find(std::string_view text, const SnapshotFilter& filter = {}) {
    return find_snapshot(repository.get(), text, filter);
  }
  TestRepository repository;
  format::Id oldest, newest_of_b;
};

TEST_F(Snapshots, AreLoadedOldestFirst) {
  const std::vector<Snapshot> all = load_snapshots(repository.get());
  EXPECT_EQ(times_of(all), (std::vector<std::string>{"2026-01-01", "2026-01-02", "2026-01-03"}));
  EXPECT_EQ(all[0].id, oldest);
}

TEST_F(Snapshots, DamagedOnesAreNamed) {
  repository.storage().damage(storage::FileKind::snapshot, oldest.hex());
  const Error error = error_of([&] { static_cast<void>(load_snapshots(repository.get())); });
  EXPECT_EQ(error.code(), Errc::corrupt);
  EXPECT_NE(error.message().find(oldest.hex().substr(0, 8)), std::string::npos) << error.message();
  std::vector<std::string> damaged;
  EXPECT_EQ(load_snapshots(repository.get(), &damaged).size(), 2U);
  EXPECT_EQ(damaged.size(), 1U);
}

TEST_F(Snapshots, AreFoundByLatestIdAndPrefix) {
  EXPECT_EQ(to_rfc3339(find("latest").snapshot.file.time), "2026-01-03T00:00:00+02:00");
  EXPECT_EQ(find(oldest.hex()).snapshot.id, oldest);
  EXPECT_EQ(find(oldest.hex().substr(0, 12) + ":/etc//ssh/").snapshot.id, oldest);
  EXPECT_EQ(find("latest:etc/./ssh/").subfolder, "/etc/ssh");
  EXPECT_EQ(find("latest:/").subfolder, "");
  EXPECT_EQ(find("latest:").subfolder, "");
  EXPECT_EQ(error_of([&] { static_cast<void>(find("0123456789abcdef0123")); }).code(),
            Errc::not_found);
  EXPECT_EQ(error_of([&] { static_cast<void>(find(std::string(64, 'a'))); }).code(),
            Errc::not_found);
}

TEST_F(Snapshots, LatestIsTheLatestOfThoseTheFilterTakes) {
  SnapshotFilter filter;
  filter.hosts = {"b"};
  EXPECT_EQ(find("latest", filter).snapshot.id, newest_of_b);
  filter.hosts = {};
  filter.tag_lists = {{"x", "y"}};
  EXPECT_EQ(find("latest", filter).snapshot.id, newest_of_b);
  filter.tag_lists = {{""}};
  EXPECT_EQ(find("latest", filter).snapshot.id, oldest);
  filter.tag_lists = {};
  filter.paths = {"/etc/../home/"};
  filter.hosts = {"b"};
  EXPECT_EQ(find("latest", filter).snapshot.id, newest_of_b);
  filter.hosts = {"c"};
  const Error error = error_of([&] { static_cast<void>(find("latest", filter)); });
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_NE(error.message().find("c"), std::string::npos);
}

TEST_F(Snapshots, FilterTakesAnyHostAnyTagListAllPaths) {
  const format::SnapshotFile file = snapshot("2026-01-01T00:00:00Z", "a", {"/p", "/q"}, {"x", "y"});
  EXPECT_TRUE(SnapshotFilter{}.matches(file));
  EXPECT_TRUE(SnapshotFilter{}.empty());
  const auto matches = [&](const SnapshotFilter& filter) { return filter.matches(file); };
  EXPECT_TRUE(matches(
      {.hosts = {"z", "a"}, .tag_lists = {{"q"}, {"y", "x"}}, .paths = {"/q", "/p"}, .soles = {}}));
  EXPECT_FALSE(matches({.hosts = {}, .tag_lists = {{"x", "z"}}, .paths = {}, .soles = {}}));
  EXPECT_FALSE(matches({.hosts = {}, .tag_lists = {{""}}, .paths = {}, .soles = {}}));
  EXPECT_FALSE(matches({.hosts = {}, .tag_lists = {}, .paths = {"/p", "/r"}, .soles = {}}));
  // /p is not its only path, y not among the tags of the other.
  SnapshotFilter sole;
  sole.soles = {{"/p", "x"}, {"/q", "y"}};
  EXPECT_FALSE(matches(sole));
  EXPECT_FALSE(sole.matches(snapshot("2026-01-01T00:00:00Z", "a", {"/q"}, {"x"})));
  EXPECT_TRUE(sole.matches(snapshot("2026-01-01T00:00:00Z", "a", {"/q"}, {"x", "y"})));
  EXPECT_FALSE(sole.empty());
}

TEST_F(Snapshots, TreeOfASubfolderIsLookedUp) {
  const format::Id inner = repository.tree({});
  format::SnapshotFile file = snapshot("2026-02-01T00:00:00Z", "a", {"/x"});
  file.tree = repository.tree({repository.directory("x", inner)});
  repository.store();
  save(file);
  EXPECT_EQ(tree_of(repository.get(), find("latest:/x")), inner);
  EXPECT_EQ(tree_of(repository.get(), find("latest")), file.tree);
  EXPECT_EQ(
      error_of([&] { static_cast<void>(tree_of(repository.get(), find("latest:/y"))); }).code(),
      Errc::not_found);
}

TEST_F(Snapshots, ParentIsTheNewestOfTheGroupNotAfterTheTime) {
  const std::vector<Snapshot> all = load_snapshots(repository.get());
  format::SnapshotFile of = snapshot("2026-01-02T23:00:00Z", "a", {"/home", "/etc"});
  EXPECT_EQ(times_of({*find_parent(all, of, "host,paths")}),
            std::vector<std::string>{"2026-01-03"});
  of.time = parse_rfc3339("2026-01-02T00:00:00Z");
  EXPECT_EQ(find_parent(all, of, "host,paths")->id, oldest);
  EXPECT_EQ(find_parent(all, of, "")->id, newest_of_b);
  of.tags = {"y"};
  EXPECT_EQ(find_parent(all, of, "tags")->id, newest_of_b);
  of.hostname = "c";
  EXPECT_FALSE(find_parent(all, of, "host"));
  of.hostname = "a";
  of.paths = {"/home", "/other"};
  EXPECT_FALSE(find_parent(all, of, "host,paths"));
}

TEST_F(Snapshots, AreGroupedAsAsked) {
  const std::vector<SnapshotGroup> groups =
      group_snapshots(load_snapshots(repository.get()), "host,paths");
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].key.hostname, "a");
  EXPECT_EQ(groups[0].key.paths, (std::vector<std::string>{"/etc", "/home"}));
  EXPECT_TRUE(groups[0].key.tags.empty());
  EXPECT_EQ(times_of(groups[0].snapshots), (std::vector<std::string>{"2026-01-03", "2026-01-01"}));
  EXPECT_EQ(group_snapshots(load_snapshots(repository.get()), "tags").size(), 3U);
  ASSERT_EQ(group_snapshots(load_snapshots(repository.get()), "").size(), 1U);
  EXPECT_EQ(group_snapshots(load_snapshots(repository.get()), "")[0].snapshots.size(), 3U);
  EXPECT_EQ(error_of([&] { static_cast<void>(group_snapshots({}, "host,colour")); }).code(),
            Errc::usage);
}

}  // namespace
}  // namespace holdfast::archive

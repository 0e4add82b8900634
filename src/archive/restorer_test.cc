// SPDX-License-Identifier: Apache-2.0
#include "archive/restorer.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <fstream>
#include <set>

#include "archive/test_repository.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

namespace fs = std::filesystem;

// Remembers what it was told.
class Witness final : public model::Observer {
 public:
  void item_done(const model::ItemDone& item) override {
    const std::lock_guard lock(mutex_);
    done.insert(fmt::format("{} {}", item_action_name(item.action), item.item));
  }
  void item_failed(std::string_view item, std::string_view, std::string_view message) override {
    const std::lock_guard lock(mutex_);
    failed.emplace(item, message);
  }
  void warning(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    warnings.emplace_back(text);
  }
  std::vector<std::string> warnings;
  std::set<std::string> done;
  std::map<std::string, std::string> failed;

 private:
  std::mutex mutex_;
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

struct ::stat status_of(const fs::path& path) {
  struct ::stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

void set_mtime(const fs::path& path, std::int64_t seconds, long nanoseconds = 0) {
  const struct ::timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

// Everything below a directory, by relative path.
std::set<std::string> names_below(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    names.insert(entry.path().lexically_relative(directory).string());
  }
  return names;
}

bool is_root() {
  return ::geteuid() == 0;
}

class Restorer : public testing::Test {
 protected:
  Restorer() : target(repository.scratch("target")), outside(repository.scratch("outside")) {
    options.target = target;
    write(outside / "kept", "outside");
  }
  ~Restorer() override {
    // Nothing may ever have happened here.
    EXPECT_EQ(names_below(outside), std::set<std::string>{"kept"});
    EXPECT_EQ(content_of(outside / "kept"), "outside");
  }

  RestoreReport restore(const format::Id& tree, std::stop_token stop = {}) {
    witness.done.clear();
    witness.failed.clear();
    witness.warnings.clear();
    return restore_tree(repository.get(), tree, options, witness, std::move(stop));
  }
  format::Id stored(std::vector<format::Node> nodes) {
    const format::Id tree = repository.tree(std::move(nodes));
    repository.store();
    return tree;
  }

  TestRepository repository;
  fs::path target, outside;
  RestoreOptions options;
  Witness witness;
};

TEST_F(Restorer, RestoresFilesDirectoriesAndSymlinks) {
  const format::Id inner =
      repository.tree({repository.file("empty", {}), repository.file("small", {"content"})});
  format::Node sticky = repository.directory("d", inner);
  sticky.mode |= 1U << 20U;
  const format::Id tree = stored({sticky, repository.file("big", {"one ", "two ", "one ", "three"}),
                                  repository.symlink("link", "../outside/kept")});
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(content_of(target / "big"), "one two one three");
  EXPECT_EQ(content_of(target / "d/small"), "content");
  EXPECT_EQ(content_of(target / "d/empty"), "");
  EXPECT_EQ(fs::read_symlink(target / "link"), "../outside/kept");
  EXPECT_EQ(status_of(target / "d").st_mode & 07777U, 01755U);
  EXPECT_EQ(status_of(target / "big").st_mode & 07777U, 0644U);
  for (const char* name : {"big", "d", "d/small", "d/empty", "link"}) {
    EXPECT_EQ(status_of(target / name).st_mtim.tv_sec, 1'600'000'000) << name;
    EXPECT_EQ(status_of(target / name).st_mtim.tv_nsec, 123'456'789) << name;
  }
  EXPECT_EQ(report.files_total, 5U);
  EXPECT_EQ(report.files_restored, 5U);
  EXPECT_EQ(report.bytes_total, 24U);
  EXPECT_EQ(report.bytes_restored, 24U);
  EXPECT_EQ(witness.files_done, 5U);
  EXPECT_EQ(witness.bytes_done, 24U);
  EXPECT_TRUE(witness.totals_known);
  EXPECT_EQ(witness.done,
            (std::set<std::string>{"restored /big", "restored /d", "restored /d/empty",
                                   "restored /d/small", "restored /link"}));
}

TEST_F(Restorer, RestoresManySmallFilesAndManyUsesOfOneBlob) {
  std::vector<format::Node> nodes;
  for (int i = 0; i < 3000; ++i)
    nodes.push_back(repository.file(fmt::format("f{}", i), {fmt::format("{}", i % 500)}));
  std::vector<std::string> repeated(2000, "repeated");
  nodes.push_back(repository.file("many", repeated));
  const RestoreReport report = restore(stored(std::move(nodes)));
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(report.files_restored, 3001U);
  EXPECT_EQ(content_of(target / "f2999"), "499");
  EXPECT_EQ(content_of(target / "many").size(), 16'000U);
}

TEST_F(Restorer, RestoresSpecialFiles) {
  format::Node fifo = TestRepository::entry("fifo", format::NodeType::fifo, 0640 | 1U << 25U);
  format::Node device =
      TestRepository::entry("null", format::NodeType::chardev, 0600 | 1U << 26U | 1U << 21U);
  device.device = 259;
  format::Node socket = TestRepository::entry("socket", format::NodeType::socket, 0600 | 1U << 24U);
  format::Node setuid = repository.file("setuid", {"x"});
  setuid.mode |= 1U << 23U;
  const RestoreReport report = restore(stored({fifo, device, socket, setuid}));
  EXPECT_TRUE(S_ISFIFO(status_of(target / "fifo").st_mode));
  EXPECT_EQ(status_of(target / "fifo").st_mode & 07777U, 0640U);
  EXPECT_EQ(status_of(target / "setuid").st_mode & 07777U, 04644U);
  EXPECT_FALSE(fs::exists(fs::symlink_status(target / "socket")));
  if (fs::exists(fs::symlink_status(target / "null"))) {
    EXPECT_TRUE(S_ISCHR(status_of(target / "null").st_mode));
    EXPECT_EQ(status_of(target / "null").st_rdev, 259U);
  } else {
    EXPECT_EQ(witness.failed.count("/null"), 1U);  // not allowed here
    EXPECT_EQ(report.items_failed, 1U);
  }
}

TEST_F(Restorer, SaysWhatCannotBeMade) {
  const RestoreReport report = restore(
      stored({TestRepository::entry("odd", format::NodeType::irregular, 0600 | 1U << 19U)}));
  EXPECT_EQ(report.items_failed, 1U);
  EXPECT_EQ(witness.failed.count("/odd"), 1U);
}

TEST_F(Restorer, SaysOnceThatAttributesOfOtherSystemsAreNotRestored) {
  format::Node one = repository.file("one", {"x"}), two = repository.file("two", {"x"});
  one.generic_attributes = two.generic_attributes = R"({"windows.file_attributes":32})";
  EXPECT_EQ(restore(stored({one, two})).items_failed, 0U);
  ASSERT_EQ(witness.warnings.size(), 1U);
  EXPECT_NE(witness.warnings[0].find("/one has attributes of another system"), std::string::npos);
}

TEST_F(Restorer, GivesFilesToOwnersByNameWhereAsked) {
  if (!is_root()) GTEST_SKIP() << "needs root to give files away";
  format::Node known = repository.file("known", {"x"}), unknown = repository.file("unknown", {"x"});
  for (format::Node* node : {&known, &unknown}) node->uid = node->gid = 1234;
  known.user = known.group = "daemon";
  unknown.user = unknown.group = "nobody of this name";
  const format::Id tree = stored({known, unknown});
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(status_of(target / "known").st_uid, 1234U);
  options.ownership_by_name = true;
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(status_of(target / "known").st_uid, 1U);
  EXPECT_EQ(status_of(target / "known").st_gid, 1U);
  EXPECT_EQ(status_of(target / "unknown").st_uid, 1234U);
}

TEST_F(Restorer, LinksNamesOfOneFile) {
  std::vector<format::Node> nodes;
  for (const char* name : {"a", "b", "c"}) {
    nodes.push_back(repository.file(name, {"shared"}));
    nodes.back().links = 3;
    nodes.back().inode = 77;
    nodes.back().device_id = 5;
  }
  // The same numbers on another content cannot be the same file.
  nodes.push_back(repository.file("other", {"different"}));
  nodes.back().links = 3;
  nodes.back().inode = 77;
  nodes.back().device_id = 5;
  const format::Id tree = stored(nodes);
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(status_of(target / "a").st_nlink, 3U);
  EXPECT_EQ(status_of(target / "a").st_ino, status_of(target / "c").st_ino);
  EXPECT_EQ(content_of(target / "b"), "shared");
  EXPECT_EQ(content_of(target / "other"), "different");
  EXPECT_EQ(status_of(target / "a").st_mtim.tv_sec, 1'600'000'000);
  // Once more over what is there, and over something else in the way.
  fs::remove(target / "b");
  write(target / "b", "in the way");
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(status_of(target / "a").st_nlink, 3U);
}

// Names of one file: "a", "b", "c".
std::vector<format::Node> names_of_a_file(TestRepository& repository, std::uint64_t inode = 77) {
  std::vector<format::Node> nodes;
  for (const char* name : {"a", "b", "c"}) {
    nodes.push_back(repository.file(name, {"snap", "shot"}));
    nodes.back().links = 3;
    nodes.back().inode = inode;
    nodes.back().device_id = 5;
  }
  return nodes;
}

TEST_F(Restorer, DoesNotLinkToAFileThatIsKept) {
  const format::Id tree = stored(names_of_a_file(repository));
  for (const char* overwrite : {"never", "if-newer"}) {
    SCOPED_TRACE(overwrite);
    fs::remove_all(target);
    write(target / "a", "of somebody else");
    set_mtime(target / "a", 1'700'000'000);
    ASSERT_EQ(::chmod((target / "a").c_str(), 0600), 0);
    options.overwrite = parse_overwrite(overwrite);
    const RestoreReport report = restore(tree);
    EXPECT_EQ(report.items_failed, 0U);
    EXPECT_EQ(report.files_skipped, 1U);
    EXPECT_EQ(content_of(target / "a"), "of somebody else");
    EXPECT_EQ(status_of(target / "a").st_nlink, 1U);
    EXPECT_EQ(status_of(target / "a").st_mode & 07777U, 0600U);
    EXPECT_EQ(content_of(target / "b"), "snapshot");
    EXPECT_EQ(status_of(target / "b").st_ino, status_of(target / "c").st_ino);
    EXPECT_EQ(status_of(target / "b").st_nlink, 2U);
    EXPECT_EQ(status_of(target / "b").st_mtim.tv_sec, 1'600'000'000);
  }
}

TEST_F(Restorer, KeepsAllNamesThatAreToBeKept) {
  const format::Id tree = stored(names_of_a_file(repository));
  write(target / "a", "one");
  write(target / "b", "two");
  options.overwrite = Overwrite::never;
  EXPECT_EQ(restore(tree).files_skipped, 2U);
  EXPECT_EQ(content_of(target / "a"), "one");
  EXPECT_EQ(content_of(target / "b"), "two");
  EXPECT_EQ(content_of(target / "c"), "snapshot");
  EXPECT_EQ(status_of(target / "c").st_nlink, 1U);
  fs::remove_all(target);
  options.dry_run = true;
  write(target / "a", "one");
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(names_below(target), std::set<std::string>{"a"});
}

// As after a run that was interrupted.
TEST_F(Restorer, LinksToAFileThatIsKeptIfItIsTheSnapshots) {
  const format::Id tree = stored(names_of_a_file(repository));
  write(target / "a", "snapshot");
  options.overwrite = Overwrite::never;
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(status_of(target / "a").st_nlink, 3U);
}

TEST_F(Restorer, LinksNamesAcrossBatches) {
  std::vector<format::Node> nodes = names_of_a_file(repository);
  const format::Id rest = repository.tree({nodes[1], nodes[2], repository.file("z", {"z"})});
  const format::Id tree = stored({nodes[0], repository.directory("d", rest)});
  write(target / "a", "of somebody else");
  options.overwrite = Overwrite::never;
  options.limits.batch_bytes_max = 1;
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "d/b"), "snapshot");
  EXPECT_EQ(status_of(target / "d/b").st_nlink, 2U);
  EXPECT_EQ(content_of(target / "a"), "of somebody else");
}

// Pairs of names, `count` of them; the second names follow at once, or behind all first ones.
std::vector<format::Node> pairs(TestRepository& repository, unsigned count, bool apart) {
  std::vector<format::Node> nodes;
  for (unsigned i = 0; i < count; ++i) {
    for (unsigned second = 0; second < 2; ++second) {
      nodes.push_back(repository.file(
          apart ? fmt::format("{}-{:04}", second, i) : fmt::format("{:04}-{}", i, second),
          {fmt::format("content {}", i)}));
      nodes.back().links = 2;
      nodes.back().inode = 1000 + i;
      nodes.back().device_id = 5;
    }
  }
  return nodes;
}

TEST_F(Restorer, ForgetsFilesWithTheLastOfTheirNames) {
  options.limits.links_bytes_max = 2000;
  EXPECT_EQ(restore(stored(pairs(repository, 500, false))).items_failed, 0U);
  EXPECT_EQ(status_of(target / "0499-0").st_nlink, 2U);
}

TEST_F(Restorer, SaysThatTooManyFilesHaveNamesToCome) {
  options.limits.links_bytes_max = 20'000;
  EXPECT_EQ(restore(stored(pairs(repository, 500, true))).items_failed, 0U);
  EXPECT_EQ(std::ranges::count_if(witness.warnings,
                                  [](const std::string& line) {
                                    return line.ends_with("become files of their own");
                                  }),
            1)
      << "told once";
  EXPECT_EQ(names_below(target).size(), 1000U);
  EXPECT_EQ(status_of(target / "0-0000").st_nlink, 2U);
  EXPECT_EQ(status_of(target / "0-0499").st_nlink, 1U);
  EXPECT_EQ(content_of(target / "1-0499"), "content 499");
}

// A long way down, and a long name, for each.
TEST_F(Restorer, CountsTheDirectoriesOfFilesWithNamesToCome) {
  std::vector<format::Node> nodes;
  for (unsigned i = 0; i < 40; ++i) {
    format::Node file = repository.file("f", {"x"});
    file.links = 2;
    file.inode = 1000 + i;
    format::Id tree = repository.tree({file});
    for (unsigned depth = 0; depth < 20; ++depth) {
      tree = repository.tree({repository.directory(std::string(200, 'd'), tree)});
    }
    nodes.push_back(repository.directory(fmt::format("{}", i), tree));
  }
  options.limits.links_bytes_max = 200'000;
  options.dry_run = true;
  static_cast<void>(restore(stored(std::move(nodes))));
  EXPECT_TRUE(std::ranges::any_of(witness.warnings, [](const std::string& line) {
    return line.ends_with("become files of their own");
  }));
}

// Each says little more than it may, and all are open at once.
TEST_F(Restorer, BoundsWhatDirectoriesSayOfThemselves) {
  format::Id tree = repository.tree({repository.file("f", {"x"})});
  for (int i = 0; i < 30; ++i) {
    format::Node directory = repository.directory("d", tree);
    directory.user = std::string(1000, 'u');
    tree = repository.tree({directory});
  }
  options.limits.levels_bytes_max = 20'000;
  EXPECT_EQ(restore(stored({repository.directory("top", tree)})).items_failed, 1U);
  EXPECT_TRUE(fs::exists(target / "top/d/d/d"));
  options.limits.levels_bytes_max = 100'000;
  EXPECT_EQ(restore(stored({repository.directory("top", tree)})).items_failed, 0U);
}

TEST_F(Restorer, VisitsDirectoriesInPartsWhereTheyAreTooManyAtOnce) {
  std::vector<format::Node> nodes;
  for (unsigned i = 0; i < 300; ++i) {
    const format::Id inner =
        repository.tree({repository.directory("e", repository.tree({repository.file("g", {"g"})})),
                         repository.file("f", {fmt::format("{}", i)})});
    nodes.push_back(repository.directory(fmt::format("d{:03}", i), inner));
  }
  nodes.push_back(repository.file("d150x", {"between"}));
  const format::Id tree = stored(std::move(nodes));
  options.limits.levels_bytes_max = 20'000;
  options.limits.batch_bytes_max = 50'000;
  options.delete_extra = true;
  write(target / "d007/extra", "x");
  write(target / "extra", "x");
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(report.files_restored, 1201U);
  EXPECT_EQ(report.files_deleted, 2U);
  EXPECT_EQ(names_below(target).size(), 1201U);
  EXPECT_EQ(content_of(target / "d299/f"), "299");
  EXPECT_EQ(content_of(target / "d150x"), "between");
}

TEST_F(Restorer, SaysWhichFilesLackRightsThatAnotherOwnerWouldLend) {
  format::Node program = repository.file("program", {"x"});
  program.mode = 0755U | 1U << 23U;
  program.uid = is_root() ? 0xffffffff : 0;
  const RestoreReport report = restore(stored({program}));
  EXPECT_EQ(status_of(target / "program").st_mode & 07777U, 0755U);
  EXPECT_EQ(content_of(target / "program"), "x");
  if (is_root()) {
    EXPECT_EQ(report.items_failed, 1U);
    EXPECT_NE(witness.failed["/program"].find("without set-uid"), std::string::npos);
  } else {
    EXPECT_EQ(report.items_failed, 0U);
    ASSERT_EQ(witness.warnings.size(), 1U);
    EXPECT_NE(witness.warnings[0].find("without set-uid"), std::string::npos);
  }
}

TEST_F(Restorer, SkipsZerosOfSparseFiles) {
  options.sparse = true;
  const std::string zeros(1U << 20U, '\0');
  const format::Id tree = stored({repository.file("zeros", {zeros, zeros, zeros}),
                                  repository.file("mixed", {"head" + zeros, zeros + "tail"})});
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "zeros"), zeros + zeros + zeros);
  EXPECT_EQ(content_of(target / "mixed"), "head" + zeros + zeros + "tail");
  EXPECT_LT(status_of(target / "zeros").st_blocks * 512, 1 << 20);
  EXPECT_LT(status_of(target / "mixed").st_blocks * 512, 1 << 20);
}

TEST_F(Restorer, RestoresExtendedAttributesThatAreSelected) {
  format::Node node = repository.file("f", {"x"});
  node.extended_attributes = {{"user.keep", Bytes(3, std::byte{'k'})},
                              {"user.drop", Bytes(3, std::byte{'d'})}};
  const format::Id tree = stored({node});
  write(target / "f", "x");
  if (::setxattr((target / "f").c_str(), "user.drop", "mine", 4, 0) != 0) {
    GTEST_SKIP() << "the file system of the temporary directory has no xattrs";
  }
  options.xattr_excludes.add("user.drop", false);
  EXPECT_EQ(restore(tree).items_failed, 0U);
  char value[16];
  EXPECT_EQ(::getxattr((target / "f").c_str(), "user.keep", value, sizeof value), 3);
  EXPECT_EQ(::getxattr((target / "f").c_str(), "user.drop", value, sizeof value), 4);
  options.xattr_excludes = {};
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(::getxattr((target / "f").c_str(), "user.drop", value, sizeof value), 3);
}

// ---- what is there already ----

TEST_F(Restorer, AlwaysWritesOnlyWhatDiffers) {
  const format::Id tree =
      stored({repository.file("same", {"ab", "cd"}), repository.file("differs", {"ab", "cd", "ef"}),
              repository.file("longer", {"ab"}), repository.file("shorter", {"ab", "cd"})});
  write(target / "same", "abcd");
  write(target / "differs", "abXXef");
  write(target / "longer", "abcdef");
  write(target / "shorter", "ab");
  const ino_t inode = status_of(target / "differs").st_ino;
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(content_of(target / "same"), "abcd");
  EXPECT_EQ(content_of(target / "differs"), "abcdef");
  EXPECT_EQ(content_of(target / "longer"), "ab");
  EXPECT_EQ(content_of(target / "shorter"), "abcd");
  EXPECT_EQ(status_of(target / "differs").st_ino, inode);
  EXPECT_EQ(status_of(target / "same").st_mtim.tv_sec, 1'600'000'000);
  EXPECT_EQ(report.files_skipped, 1U);
  EXPECT_EQ(report.bytes_skipped, 4U);
  EXPECT_EQ(witness.done, (std::set<std::string>{"unchanged /same", "updated /differs",
                                                 "updated /longer", "updated /shorter"}));
}

TEST_F(Restorer, IfChangedTrustsSizeAndTime) {
  options.overwrite = parse_overwrite("if-changed");
  const format::Id tree =
      stored({repository.file("trusted", {"abcd"}), repository.file("touched", {"abcd"})});
  write(target / "trusted", "XXXX");
  set_mtime(target / "trusted", 1'600'000'000, 123'456'789);
  write(target / "touched", "XXXX");
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "trusted"), "XXXX");
  EXPECT_EQ(content_of(target / "touched"), "abcd");
}

TEST_F(Restorer, IfNewerAndNeverLeaveFilesAsTheyAre) {
  const format::Id tree =
      stored({repository.file("old", {"snapshot"}), repository.file("new", {"snapshot"}),
              repository.file("none", {"snapshot"}), repository.symlink("link", "to")});
  const auto prepare = [&] {
    fs::remove_all(target);
    write(target / "old", "target");
    set_mtime(target / "old", 1'500'000'000);
    write(target / "new", "target");
    set_mtime(target / "new", 1'700'000'000);
    write(target / "link", "target");
  };
  prepare();
  options.overwrite = parse_overwrite("if-newer");
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "old"), "snapshot");
  EXPECT_EQ(content_of(target / "new"), "target");
  EXPECT_EQ(content_of(target / "none"), "snapshot");
  prepare();
  options.overwrite = parse_overwrite("never");
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.files_skipped, 3U);
  EXPECT_EQ(content_of(target / "old"), "target");
  EXPECT_EQ(content_of(target / "link"), "target");
  EXPECT_EQ(content_of(target / "none"), "snapshot");
  EXPECT_EQ(status_of(target / "old").st_mtim.tv_sec, 1'500'000'000);
  EXPECT_THROW(static_cast<void>(parse_overwrite("sometimes")), Error);
}

TEST_F(Restorer, BreaksLinksInsteadOfWritingThroughThem) {
  const format::Id tree = stored({repository.file("f", {"ab", "cd"})});
  write(target / "f", "abXX");
  fs::create_hard_link(target / "f", repository.scratch("elsewhere"));
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "f"), "abcd");
  EXPECT_EQ(content_of(repository.scratch("elsewhere")), "abXX");
}

TEST_F(Restorer, ReplacesSymlinksAndNeverFollowsThem) {
  const format::Id inner = repository.tree({repository.file("kept", {"planted"})});
  const format::Id tree =
      stored({repository.directory("d", inner), repository.file("f", {"planted"}),
              repository.file("two", {"planted", "more"})});
  fs::create_directories(target);
  fs::create_symlink(outside, target / "d");
  fs::create_symlink(outside / "kept", target / "f");
  fs::create_symlink(outside / "kept", target / "two");
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "d/kept"), "planted");
  EXPECT_FALSE(fs::is_symlink(target / "d"));
  EXPECT_EQ(content_of(target / "two"), "plantedmore");

  fs::remove_all(target / "d");
  fs::create_symlink(outside, target / "d");
  options.overwrite = Overwrite::never;
  EXPECT_EQ(restore(tree).items_failed, 1U);
  EXPECT_EQ(witness.failed.count("/d"), 1U);
  EXPECT_TRUE(fs::is_symlink(target / "d"));
}

TEST_F(Restorer, RestoresThroughASymlinkThatIsTheTargetItself) {
  fs::create_directories(repository.scratch("real"));
  fs::create_directory_symlink(repository.scratch("real"), target);
  EXPECT_EQ(restore(stored({repository.file("f", {"x"})})).items_failed, 0U);
  EXPECT_EQ(content_of(repository.scratch("real") / "f"), "x");
}

TEST_F(Restorer, ReplacesDirectoriesByFilesOnlyIfTheyAreEmptyOrDeletingIsAsked) {
  const format::Id tree = stored({repository.file("empty", {"x"}), repository.file("full", {"x"})});
  fs::create_directories(target / "empty");
  write(target / "full/file", "y");
  EXPECT_EQ(restore(tree).items_failed, 1U);
  EXPECT_EQ(content_of(target / "empty"), "x");
  EXPECT_EQ(content_of(target / "full/file"), "y");
  options.delete_extra = true;
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(content_of(target / "full"), "x");
}

TEST_F(Restorer, DeletesWhatTheSnapshotLacks) {
  const format::Id inner = repository.tree({repository.file("kept", {"x"})});
  const format::Id tree = stored({repository.directory("d", inner)});
  write(target / "d/extra/deep/file", "y");
  write(target / "d/kept", "old");
  write(target / "other", "y");
  fs::create_directory_symlink(outside, target / "d/link");
  options.delete_extra = true;
  options.dry_run = true;
  EXPECT_EQ(restore(tree).files_deleted, 3U);
  EXPECT_EQ(content_of(target / "other"), "y");
  options.dry_run = false;
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(report.files_deleted, 5U);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"d", "d/kept"}));
  EXPECT_EQ(content_of(target / "d/kept"), "x");
  EXPECT_EQ(status_of(target / "d").st_mtim.tv_sec, 1'600'000'000);
}

TEST_F(Restorer, DeletesOnlyWhatTheFiltersTake) {
  const format::Id inner = repository.tree({repository.file("kept", {"x"})});
  const format::Id tree = stored({repository.directory("d", inner), repository.file("top", {"x"})});
  write(target / "d/extra", "y");
  write(target / "elsewhere", "y");
  options.delete_extra = true;
  options.includes.add("/d", false);
  EXPECT_EQ(restore(tree).files_deleted, 1U);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"d", "d/kept", "elsewhere"}));
  options.includes = {};
  options.excludes.add("elsewhere", false);
  write(target / "gone", "y");
  EXPECT_EQ(restore(tree).files_deleted, 1U);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"d", "d/kept", "elsewhere", "top"}));
  options.excludes = {};
  options.includes.add("/nothing", false);
  EXPECT_EQ(restore(tree).files_deleted, 0U);
}

TEST_F(Restorer, DeletesNothingWhereTheTreeIsDamaged) {
  format::Id missing;
  missing.bytes.fill(std::byte{9});
  const format::Id tree = stored({repository.directory("d", missing), repository.file("f", {"x"})});
  write(target / "d/extra", "y");
  options.delete_extra = true;
  EXPECT_EQ(restore(tree).items_failed, 1U);
  EXPECT_EQ(content_of(target / "d/extra"), "y");
  EXPECT_EQ(content_of(target / "f"), "x");
}

TEST_F(Restorer, IncludesAndExcludes) {
  const format::Id inner =
      repository.tree({repository.file("one", {"1"}), repository.file("two", {"2"})});
  const format::Id tree =
      stored({repository.directory("d", inner), repository.directory("e", inner)});
  options.includes.add("/d/one", false);
  const RestoreReport report = restore(tree);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"d", "d/one"}));
  EXPECT_EQ(report.files_total, report.files_restored);
  EXPECT_EQ(status_of(target / "d").st_mtim.tv_sec, 1'600'000'000);
  fs::remove_all(target);
  options.includes = {};
  options.excludes.add("/d", false);
  options.excludes.add("two", false);
  EXPECT_EQ(restore(tree).items_failed, 0U);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"e", "e/one"}));
}

TEST_F(Restorer, DryRunWritesNothing) {
  const format::Id inner = repository.tree({repository.file("one", {"1"})});
  const format::Id tree = stored({repository.directory("d", inner), repository.file("f", {"new"}),
                                  repository.file("same", {"same"}), repository.symlink("l", "t")});
  options.dry_run = true;
  EXPECT_EQ(restore(tree).files_restored, 5U);
  EXPECT_FALSE(fs::exists(target));
  write(target / "f", "old");
  write(target / "same", "same");
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.files_restored, 4U);
  EXPECT_EQ(report.files_skipped, 1U);
  EXPECT_EQ(witness.done.count("updated /f"), 1U);
  EXPECT_EQ(names_below(target), (std::set<std::string>{"f", "same"}));
  EXPECT_EQ(content_of(target / "f"), "old");
}

TEST_F(Restorer, VerifiesWhatItWrote) {
  options.verify = true;
  EXPECT_EQ(
      restore(stored({repository.file("f", {"ab", "cd"}), repository.file("e", {})})).items_failed,
      0U);
}

// ---- hostile and damaged ----

std::string node_json(std::string_view name, std::string_view type, std::string_view more) {
  return fmt::format(R"({{"name":"{}","type":"{}","mode":420,"mtime":"2020-01-01T00:00:00Z",)"
                     R"("atime":"2020-01-01T00:00:00Z",)"
                     R"("ctime":"2020-01-01T00:00:00Z","uid":0,"gid":0,{}}})",
                     name, type, more);
}

TEST_F(Restorer, RefusesNamesThatLeadOutOfTheTarget) {
  const std::string content =
      fmt::format(R"("size":1,"content":["{}"])", repository.data("x").hex());
  for (const char* name : {"..", ".", "", "/etc", "../outside/kept", "a/b", R"(a\\x00b)"}) {
    SCOPED_TRACE(name);
    const format::Id tree =
        repository.raw_tree(R"({"nodes":[)" + node_json(name, "file", content) + "]}\n");
    repository.store();
    EXPECT_EQ(restore(tree).items_failed, 1U);
    EXPECT_TRUE(names_below(target).empty());
  }
}

TEST_F(Restorer, RefusesASymlinkThatIsADirectoryToo) {
  const format::Id inner = repository.tree({repository.file("kept", {"planted"})});
  const format::Id tree = repository.raw_tree(
      R"({"nodes":[)" +
      node_json("x", "symlink",
                fmt::format(R"("linktarget":"{}","content":null)", outside.string())) +
      "," + node_json("x", "dir", fmt::format(R"("content":null,"subtree":"{}")", inner.hex())) +
      "]}\n");
  repository.store();
  EXPECT_GE(restore(tree).items_failed, 1U);
}

TEST_F(Restorer, SurvivesMalformedTrees) {
  for (const char* json :
       {"", "{", "[]", R"({"nodes":null})", R"({"nodes":[{}]})", R"({"nodes":[{"name":5}]})",
        "\xff\xfe", R"({"nodes":[{"name":"d","type":"dir"}]})"}) {
    SCOPED_TRACE(json);
    const format::Id tree = repository.raw_tree(json);
    repository.store();
    static_cast<void>(restore(tree));
    EXPECT_TRUE(!fs::exists(target) || names_below(target).empty());
  }
}

TEST_F(Restorer, BoundsTheDepthOfDirectories) {
  format::Id tree = repository.tree({});
  for (int i = 0; i < 4100; ++i) tree = repository.tree({repository.directory("d", tree)});
  repository.store();
  options.dry_run = true;
  EXPECT_EQ(restore(tree).items_failed, 1U);
  EXPECT_NE(witness.failed.begin()->second.find("nested deeper"), std::string::npos);
  EXPECT_EQ(witness.files_total, 4095U);
}

TEST_F(Restorer, KeepsLittleOfTreesThatShareTrees) {
  // 3^8 directories with a file each, out of nine trees.
  format::Id tree = repository.tree({repository.file("f", {"x"})});
  for (int i = 0; i < 8; ++i) {
    tree = repository.tree({repository.directory("a", tree), repository.directory("b", tree),
                            repository.directory("c", tree), repository.file("f", {"x"})});
  }
  repository.store();
  options.dry_run = true;
  EXPECT_EQ(restore(tree).files_total, 6561U + 3280U + 9840U);
}

TEST_F(Restorer, RefusesSizesThatDoNotMatchTheBlobs) {
  format::Node longer = repository.file("longer", {"abc"});
  longer.size_bytes = 1ULL << 62U;
  format::Node shorter = repository.file("shorter", {"abc", "def"});
  shorter.size_bytes = 1;
  format::Node none = repository.file("none", {});
  none.content.reset();
  none.size_bytes = 5;
  format::Node unknown = repository.file("unknown", {"abc"});
  unknown.content->front().bytes.fill(std::byte{3});
  const RestoreReport report =
      restore(stored({longer, shorter, none, unknown, repository.file("good", {"x"})}));
  EXPECT_EQ(report.items_failed, 4U);
  EXPECT_EQ(names_below(target), std::set<std::string>{"good"});
  EXPECT_EQ(witness.errors, 4U);
}

TEST_F(Restorer, GoesOnAfterDamagedPacks) {
  const format::Id tree =
      repository.tree({repository.file("f", {"abc"}), repository.file("g", {"abc", "def"}),
                       repository.symlink("link", "t")});
  repository.store();
  const auto place =
      repository.get().index().find({format::BlobType::data, format::id_of(as_bytes("abc"))});
  repository.storage().damage(storage::FileKind::pack, place->pack.hex(), place->offset_bytes + 20);
  const RestoreReport report = restore(tree);
  EXPECT_EQ(report.items_failed, 2U);
  EXPECT_EQ(witness.failed.count("/f"), 1U);
  EXPECT_EQ(witness.failed.count("/g"), 1U);
  EXPECT_TRUE(fs::is_symlink(target / "link"));
  // What failed must not look like what was saved.
  if (fs::exists(target / "g")) {
    EXPECT_NE(status_of(target / "g").st_mtim.tv_sec, 1'600'000'000);
  }
}

TEST_F(Restorer, EndsOnAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(restore(stored({repository.file("f", {"x"})}), stop.get_token()));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
}

TEST_F(Restorer, EndsWhenTheDiskIsFull) {
  // Every write to this directory is refused for want of room.
  if (!is_root() || !fs::exists("/dev/full")) GTEST_SKIP() << "needs root";
  const fs::path small = repository.scratch("small");
  fs::create_directories(small);
  if (::system(("mount -t tmpfs -o size=64k tmpfs '" + small.string() + "' 2>/dev/null").c_str()) !=
      0) {
    GTEST_SKIP() << "mounting is not allowed here";
  }
  options.target = small;
  std::vector<format::Node> nodes;
  for (int i = 0; i < 100; ++i) {
    nodes.push_back(repository.file(fmt::format("f{}", i),
                                    {std::string(8000, static_cast<char>('a' + i % 26))}));
  }
  const format::Id tree = stored(std::move(nodes));
  try {
    static_cast<void>(restore(tree));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::no_space);
    EXPECT_FALSE(error.hint().empty());
  }
  EXPECT_EQ(::system(("umount '" + small.string() + "'").c_str()), 0);
}

TEST_F(Restorer, FailsIfTheTargetIsAFile) {
  write(target, "x");
  EXPECT_THROW(static_cast<void>(restore(stored({repository.file("f", {"x"})}))), Error);
  EXPECT_EQ(content_of(target), "x");
}

}  // namespace
}  // namespace holdfast::archive

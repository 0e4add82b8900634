// SPDX-License-Identifier: Apache-2.0
#include "archive/source_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "archive/test_source.h"

namespace holdfast::archive {
namespace {

using Names = std::vector<std::string>;

// Collects what would be saved; directories with a slash behind.
class CollectingWalk final : public SourceWalk {
 public:
  using SourceWalk::SourceWalk;
  std::vector<std::string> found;
  std::vector<std::string> failed;
  std::size_t open_max = 0;
  bool counts_open = false;

 private:
  void visit(Listing& listing) override {
    if (counts_open) {
      std::size_t open = 0;
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        static_cast<void>(entry);
        ++open;
      }
      open_max = std::max(open_max, open);
    }
    for (const SourceItem& item : listing.items) {
      try {
        const auto choice = choose(listing, item, false);
        if (!choice) continue;
        const bool is_directory = choice->type == S_IFDIR;
        found.push_back(listing.prefix + item.name + (is_directory ? "/" : ""));
        if (is_directory) {
          descend(listing, item, *choice,
                  std::make_shared<Folder>(listing.folder, item.name, item.target));
        }
      } catch (const Error& error) {
        failed.push_back(error.message());
      }
    }
  }
  void left_out(const std::shared_ptr<Folder>& folder, const Error&) override {
    failed.push_back(folder->path());
  }
};

class SourceWalkTest : public ::testing::Test {
 protected:
  std::string make_file(std::string_view below, std::string_view content = "x") const {
    const auto file = directory_.path() / below;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content;
    return file.string();
  }
  [[nodiscard]] std::string path(std::string_view below = "") const {
    return below.empty() ? directory_.path().string() : (directory_.path() / below).string();
  }
  // What is found below the test's directory, relative to it, sorted.
  std::vector<std::string> walk(const std::vector<std::string>& paths) {
    const Targets targets = find_targets(paths);
    CollectingWalk walk(options_, observer_, {});
    walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
    failed_ = walk.failed;
    std::vector<std::string> below;
    for (const std::string& each : walk.found) {
      if (each.starts_with(path() + "/") && each.size() > path().size() + 1) {
        below.push_back(each.substr(path().size() + 1));
      }
    }
    std::sort(below.begin(), below.end());
    return below;
  }

  TemporaryDirectory directory_{"holdfast-test", fast_place()};
  ArchiveOptions options_;
  RecordingObserver observer_;
  std::vector<std::string> failed_;
};

TEST_F(SourceWalkTest, WalksInOrderOfNameBytes) {
  for (const char* name : {"b", "a", "a.b", "\xff", "B", "a/x"}) {
    if (std::string_view(name) != "a") make_file(name);
  }
  const Targets targets = find_targets({path()});
  CollectingWalk walk(options_, observer_, {});
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
  std::vector<std::string> here;
  for (const std::string& each : walk.found) {
    if (each.starts_with(path() + "/") && each.size() > path().size() + 1) {
      here.push_back(each.substr(path().size() + 1));
    }
  }
  EXPECT_EQ(here, (Names{"B", "a/", "a.b", "b", "\xff", "a/x"}));
}

TEST_F(SourceWalkTest, SavesOverlappingPathsOnce) {
  make_file("a/b/c");
  make_file("a/d");
  make_file("e");
  EXPECT_EQ(walk({path("a"), path("a/b"), path("a/b/c"), path("a")}),
            (Names{"a/", "a/b/", "a/b/c", "a/d"}));
  EXPECT_EQ(walk({path("a/b")}), (Names{"a/", "a/b/", "a/b/c"}));
  EXPECT_EQ(walk({path("a/d"), path("e")}), (Names{"a/", "a/d", "e"}));
}

TEST_F(SourceWalkTest, NamesPathsThatAreMissing) {
  make_file("a");
  const Targets targets = find_targets({path("a"), path("none"), path("a/below")});
  ASSERT_EQ(targets.missing.size(), 2U);
  EXPECT_EQ(targets.missing[0].first, path("none"));
  EXPECT_EQ(targets.missing[0].second.code(), Errc::not_found);
  EXPECT_EQ(targets.missing[1].first, path("a/below"));
}

TEST_F(SourceWalkTest, RefusesAnEmptyPath) {
  EXPECT_THROW(static_cast<void>(find_targets({""})), Error);
}

// The names directly below the root of the snapshot, with where each is seen to lie.
Names placed(const Targets& targets) {
  Names names;
  for (const auto& [name, target] : targets.root.below) {
    names.push_back(name + " " + (target.path.empty() ? "/" + target.name : target.path));
  }
  return names;
}

TEST_F(SourceWalkTest, GivesRelativePathsPlacesBelowTheRoot) {
  make_file("work/foo/x");
  make_file("foo/x");
  make_file("foo-1");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(path("work"));
  const std::string here = std::filesystem::current_path().string();
  const std::string above = here.substr(0, here.rfind('/'));
  EXPECT_EQ(placed(find_targets({"foo/x", "./foo"})), (Names{"foo " + here + "/foo"}));
  EXPECT_EQ(placed(find_targets({"foo", "../foo", "../foo/x"})),
            (Names{"foo " + here + "/foo", "foo-1 " + above + "/foo"}));
  EXPECT_EQ(placed(find_targets({"."})), (Names{"foo " + here + "/foo"}));
  // Two things never share a place, whatever the names they get look like.
  EXPECT_EQ(
      placed(find_targets({"../foo-1", "foo", "../foo"})),
      (Names{"foo " + here + "/foo", "foo-1 " + above + "/foo-1", "foo-2 " + above + "/foo"}));
  const Targets listed = find_targets({"foo/x", "."});
  EXPECT_TRUE(listed.root.below.at("foo").is_listed);
  EXPECT_TRUE(listed.root.below.at("foo").below.at("x").is_given);
  EXPECT_FALSE(find_targets({"foo", "."}).root.below.at("foo").is_listed);
  std::filesystem::current_path(before);
}

TEST_F(SourceWalkTest, FollowsSymlinksOnlyOnTheWayToAGivenPath) {
  make_file("real/below/x");
  make_file("real/y");
  std::filesystem::create_directory_symlink("real", path("way"));
  EXPECT_EQ(walk({path()}), (Names{"real/", "real/below/", "real/below/x", "real/y", "way"}));
  EXPECT_EQ(walk({path("way")}), (Names{"way"}));
  EXPECT_EQ(walk({path("way/below")}), (Names{"way/", "way/below/", "way/below/x"}));
  EXPECT_EQ(walk({path("way"), path("way/below")}),
            (Names{"way/", "way/below/", "way/below/x", "way/y"}));
}

TEST_F(SourceWalkTest, AppliesPatternsToAllButTheGivenPaths) {
  make_file("a/keep/x.tmp");
  make_file("a/keep/y");
  make_file("a/drop/z");
  options_.excludes.add("*.tmp", false);
  options_.excludes.add(path("a/drop"), false);
  EXPECT_EQ(walk({path("a")}), (Names{"a/", "a/keep/", "a/keep/y"}));
  EXPECT_EQ(walk({path("a/drop")}), (Names{"a/", "a/drop/"}));  // but what it matches below
  EXPECT_EQ(walk({path("a/keep/x.tmp")}), (Names{"a/", "a/keep/", "a/keep/x.tmp"}));
  EXPECT_EQ(walk({path("a"), path("a/keep/x.tmp")}),
            (Names{"a/", "a/keep/", "a/keep/x.tmp", "a/keep/y"}));
}

TEST_F(SourceWalkTest, LeavesOutWhatLiesBesideAMarker) {
  make_file("a/.nobackup");
  make_file("a/x");
  make_file("a/sub/y");
  make_file("b/z");
  options_.exclude_if_present = {".nobackup"};
  EXPECT_EQ(walk({path()}), (Names{"a/", "a/.nobackup", "b/", "b/z"}));
  EXPECT_EQ(walk({path("a")}), (Names{"a/", "a/.nobackup"}));
  EXPECT_EQ(walk({path("a/x")}), (Names{"a/", "a/x"}));
}

TEST_F(SourceWalkTest, ComparesTheHeaderOfAMarker) {
  make_file("good/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# comment");
  make_file("good/x");
  make_file("bad/CACHEDIR.TAG", "Signature: else");
  make_file("bad/x");
  make_file("short/CACHEDIR.TAG", "Sig");
  make_file("short/x");
  options_.exclude_if_present = {"CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"};
  EXPECT_EQ(walk({path()}),
            (Names{"bad/", "bad/CACHEDIR.TAG", "bad/x", "good/", "good/CACHEDIR.TAG", "short/",
                   "short/CACHEDIR.TAG", "short/x"}));
  EXPECT_EQ(observer_.warnings.size(), 2U);
}

TEST_F(SourceWalkTest, RefusesMarkersWithoutAName) {
  options_.exclude_if_present = {":header"};
  EXPECT_THROW(static_cast<void>(walk({path()})), Error);
}

TEST_F(SourceWalkTest, LeavesOutLargeFiles) {
  make_file("small", "12345");
  make_file("large", "123456");
  options_.exclude_larger_than = 5;
  EXPECT_EQ(walk({path()}), (Names{"small"}));
  EXPECT_EQ(walk({path("large")}), (Names{"large"}));
}

TEST_F(SourceWalkTest, LeavesOutSockets) {
  make_file("file");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path("socket").size(), sizeof address.sun_path);
  std::strcpy(address.sun_path, path("socket").c_str());
  ASSERT_EQ(::bind(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_EQ(walk({path()}), (Names{"file"}));
}

// /proc is a mount point wherever these tests run.
TEST_F(SourceWalkTest, KeepsMountPointsEmptyOnOneFileSystem) {
  options_.one_file_system = true;
  options_.excludes.add("/[^p]*", false);
  const Targets targets = find_targets({"/"});
  CollectingWalk walk(options_, observer_, {});
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
  EXPECT_EQ(std::count(walk.found.begin(), walk.found.end(), "/proc/"), 1);
  EXPECT_TRUE(std::none_of(walk.found.begin(), walk.found.end(), [](const std::string& each) {
    return each.starts_with("/proc/") && each != "/proc/";
  }));
  EXPECT_TRUE(walk.failed.empty());
}

// A given path counts as a file system of its own.
TEST_F(SourceWalkTest, ComparesDevicesWithTheGivenPath) {
  options_.one_file_system = true;
  options_.excludes.add("/[^p]*", false);
  options_.excludes.add("/proc/*/*", false);
  const Targets targets = find_targets({"/", "/proc"});
  CollectingWalk walk(options_, observer_, {});
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
  EXPECT_EQ(std::count(walk.found.begin(), walk.found.end(), "/proc/version"), 1);
}

TEST_F(SourceWalkTest, GoesAnyDepthWithFewDescriptors) {
  // Each level has a later sibling, so that every directory above is still needed.
  constexpr int levels = 2000;
  Fd at = open_file(directory_.path(), O_RDONLY | O_DIRECTORY);
  for (int level = 0; level < levels; ++level) {
    ASSERT_EQ(::mkdirat(at.get(), "later", 0755), 0);
    ASSERT_EQ(::mkdirat(at.get(), "deep", 0755), 0);
    at = open_at(at.get(), "deep", O_RDONLY | O_DIRECTORY);
  }
  const Targets targets = find_targets({path()});
  CollectingWalk walk(options_, observer_, {});
  walk.counts_open = true;
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
  EXPECT_TRUE(walk.failed.empty());
  EXPECT_LT(walk.open_max, 100U);
  std::size_t later = 0;
  for (const std::string& each : walk.found) later += each.ends_with("/later/") ? 1 : 0;
  EXPECT_EQ(later, static_cast<std::size_t>(levels));
}

TEST_F(SourceWalkTest, StopsWhenAsked) {
  make_file("a");
  std::stop_source stop;
  stop.request_stop();
  const Targets targets = find_targets({path()});
  CollectingWalk walk(options_, observer_, stop.get_token());
  walk.walk(std::make_shared<Folder>(nullptr, "", &targets.root));
  EXPECT_TRUE(walk.found.empty());
}

TEST_F(SourceWalkTest, ScansWhatWouldBeRead) {
  make_file("a/x", "12345");
  make_file("a/y", "123");
  make_file("b.tmp", "1");
  std::filesystem::create_symlink("x", path("a/link"));
  options_.excludes.add("*.tmp", false);
  scan_paths({path(), path("none")}, options_, observer_, {});
  EXPECT_EQ(observer_.files_total, 2U);
  EXPECT_EQ(observer_.bytes_total, 8U);
  EXPECT_FALSE(observer_.totals_known);
}

}  // namespace
}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
#include "archive/file_saver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>

#include "archive/test_source.h"

namespace holdfast::archive {
namespace {

using format::Node;

// Keeps the bytes of each file, and lets a test do something to a file when its first bytes pass.
struct Tees {
  std::mutex mutex;
  std::map<std::string, std::string> bytes;
  std::map<std::string, std::function<void()>> on_first;

  class Sink final : public ByteSink {
   public:
    Sink(Tees& tees, std::string path) : tees_(tees), path_(std::move(path)) {
      const std::lock_guard lock(tees_.mutex);
      tees_.bytes[path_];
    }
    void write(ByteView more) override {
      const std::lock_guard lock(tees_.mutex);
      std::string& bytes = tees_.bytes[path_];
      const auto action = tees_.on_first.find(path_);
      if (bytes.empty() && action != tees_.on_first.end()) action->second();
      bytes += as_text(more);
    }

   private:
    Tees& tees_;
    std::string path_;
  };
  std::function<std::unique_ptr<ByteSink>(const std::string&)> make() {
    return [this](const std::string& path) { return std::make_unique<Sink>(*this, path); };
  }
};

TEST(FileSaver, ShowsTheTeeWhatIsReadAndNothingOfUnchangedFiles) {
  TestSource test;
  const std::string large = noise(10'000'000, 21);
  test.make_file("large", large);
  test.make_file("small", "tiny");
  test.make_file("empty", "");
  Tees tees;
  ArchiveOptions options;
  options.tee = tees.make();
  options.parent_tree = test.save_root(options).tree;
  EXPECT_EQ(tees.bytes.size(), 3U);
  EXPECT_EQ(tees.bytes[test.path("large")], large);
  EXPECT_EQ(tees.bytes[test.path("small")], "tiny");
  EXPECT_EQ(tees.bytes[test.path("empty")], "");
  tees.bytes.clear();
  static_cast<void>(test.save_root(options));
  EXPECT_TRUE(tees.bytes.empty());
}

TEST(FileSaver, SavesAShrinkingFileAsItWasRead) {
  TestSource test;
  const std::string file = test.make_file("f", noise(20'000'000, 22));
  Tees tees;
  tees.on_first[file] = [&] { ASSERT_EQ(::truncate(file.c_str(), 9'000'000), 0); };
  ArchiveOptions options;
  options.tee = tees.make();
  const ArchivedTree saved = test.save_root(options);
  const Node node = test.node(saved.tree, file);
  EXPECT_LT(node.size_bytes, 20'000'000U);
  EXPECT_EQ(node.size_bytes, tees.bytes[file].size());
  EXPECT_EQ(test.content(node), tees.bytes[file]);
  EXPECT_TRUE(saved.failed.empty());
}

TEST(FileSaver, SavesAGrowingFileAsItWasRead) {
  TestSource test;
  const std::string file = test.make_file("f", noise(2'000'000, 23));
  Tees tees;
  tees.on_first[file] = [&] {
    std::ofstream(file, std::ios::app | std::ios::binary) << noise(9'000'000, 24);
  };
  ArchiveOptions options;
  options.tee = tees.make();
  const ArchivedTree saved = test.save_root(options);
  const Node node = test.node(saved.tree, file);
  EXPECT_EQ(node.size_bytes, 11'000'000U);
  EXPECT_EQ(test.content(node), tees.bytes[file]);
}

// Files whose size is not what lstat says, as those of /proc.
TEST(FileSaver, ReadsToTheEndWhateverTheSizeSays) {
  TestSource test;
  const ArchivedTree saved = test.save({"/proc/version"});
  const Node node = test.node(saved.tree, "/proc/version");
  EXPECT_GT(node.size_bytes, 0U);
  EXPECT_EQ(test.content(node), read_text_file("/proc/version"));
}

TEST(FileSaver, ReportsFilesThatVanishOrCannotBeRead) {
  TestSource test;
  test.make_file("a", "1");
  test.make_file("b", "2");
  test.make_file("c", "3");
  Tees tees;
  tees.on_first[test.path("a")] = [&] { std::filesystem::remove(test.path("b")); };
  ArchiveOptions options;
  options.tee = tees.make();
  options.threads = 1;
  const ArchivedTree saved = test.save({test.root().string(), "/proc/self/mem"}, options);
  EXPECT_EQ(test.names(saved.tree, test.root()), (std::vector<std::string>{"a", "c"}));
  ASSERT_EQ(saved.failed.size(), 2U);
  std::vector<std::string> failed = saved.failed;
  std::sort(failed.begin(), failed.end());
  EXPECT_EQ(failed[0], "/proc/self/mem");
  EXPECT_EQ(failed[1], test.path("b"));
  EXPECT_EQ(saved.counts.items_failed, 2U);
  EXPECT_EQ(saved.counts.files_processed, 2U);
}

// What was a file when its directory was listed and is none by now is not waited for.
TEST(FileSaver, RefusesWhatIsNoFileAnyMore) {
  TestSource test;
  test.make_file("a", "1");
  test.make_file("b", "2");
  test.make_file("c", "3");
  Tees tees;
  tees.on_first[test.path("a")] = [&] {
    std::filesystem::remove(test.path("b"));
    ASSERT_EQ(::mkfifo(test.path("b").c_str(), 0600), 0);
    std::filesystem::remove(test.path("c"));
    std::filesystem::create_symlink("a", test.path("c"));
  };
  ArchiveOptions options;
  options.tee = tees.make();
  options.threads = 1;
  const ArchivedTree saved = test.save_root(options);
  EXPECT_EQ(test.names(saved.tree, test.root()), (std::vector<std::string>{"a"}));
  EXPECT_EQ(saved.counts.items_failed, 2U);
}

TEST(FileSaver, LeavesAccessTimesAlone) {
  TestSource test;
  const std::string file = test.make_file("f", "content");
  const struct timespec times[2] = {{1000, 0}, {2000, 0}};  // would be updated by a read
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  static_cast<void>(test.save_root());
  struct ::stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_atim.tv_sec, 1000);
}

}  // namespace
}  // namespace holdfast::archive

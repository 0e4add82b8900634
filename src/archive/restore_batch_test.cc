// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_batch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>

#include "archive/test_repository.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

namespace fs = std::filesystem;

class Batch : public testing::Test {
 protected:
  RestoreReport run(RestoreBatch batch, const std::stop_token& stop = {}) {
    BatchRun(repository.get(), target, options, tally, std::move(batch)).run(stop, {});
    return tally.report();
  }

  TestRepository repository;
  RestoreOptions options;
  model::SilentObserver observer;
  RestoreTally tally{observer};
  RestoreTarget target{repository.scratch("target"), {}};
};

TEST_F(Batch, WritesFilesWhereTheyBelongAndEndsTheirDirectories) {
  const auto outer = target.below(target.root(), "outer");
  const auto inner = target.below(outer, "inner");
  ASSERT_TRUE(target.ensure(*inner));
  RestoreBatch batch;
  batch.items.emplace_back(inner, repository.file("one", {"shared", "rest"}));
  batch.items.emplace_back(outer, repository.file("two", {"shared"}));
  batch.left.push_back({inner, repository.directory("inner", {})});
  batch.left.push_back({outer, repository.directory("outer", {})});
  repository.store();
  const RestoreReport report = run(std::move(batch));
  EXPECT_EQ(report.items_failed, 0U);
  EXPECT_EQ(report.files_restored, 4U);
  EXPECT_EQ(read_text_file(repository.scratch("target/outer/inner/one")), "sharedrest");
  EXPECT_EQ(read_text_file(repository.scratch("target/outer/two")), "shared");
  for (const auto* directory : {"target/outer", "target/outer/inner"}) {
    EXPECT_EQ(fs::status(repository.scratch(directory)).permissions(), fs::perms(0755));
  }
}

TEST_F(Batch, DoesNotLinkToAFileThatFailed) {
  RestoreBatch batch;
  const auto linked = std::make_shared<LinkedFile>();
  linked->directory = target.root();
  linked->name = "first";
  format::Node first = repository.file("first", {"x"});
  first.size_bytes = 5;
  batch.items.emplace_back(target.root(), first).linked = linked;
  RestoreItem& other = batch.items.emplace_back(target.root(), repository.file("other", {"x"}));
  other.linked = linked;
  other.is_link = true;
  repository.store();
  EXPECT_EQ(run(std::move(batch)).items_failed, 2U);
  EXPECT_TRUE(fs::is_empty(repository.scratch("target")));
}

TEST_F(Batch, EndsOnAStopRequest) {
  RestoreBatch batch;
  batch.items.emplace_back(target.root(), repository.file("f", {"x"}));
  repository.store();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(run(std::move(batch), stop.get_token()), Error);
}

// A file system that fails where a test wants it to.
class FailingTarget final : public RestoreTarget {
 public:
  using RestoreTarget::RestoreTarget;
  bool read_back(const Fd& file, std::span<std::byte> into, std::uint64_t offset_bytes) override {
    ++reads;
    if (on_read) on_read();
    return !is_unreadable && RestoreTarget::read_back(file, into, offset_bytes);
  }
  void flush(const Fd& file, std::string_view path) override {
    const std::lock_guard lock(mutex_);
    flushed.insert(std::string(path));
    // Once, as file systems do.
    if (path.ends_with(lost) && flushed.count(std::string(path)) == 1)
      throw Error(lost_as, "writing " + std::string(path) + " at last");
    RestoreTarget::flush(file, path);
  }
  bool is_unreadable = false;
  std::function<void()> on_read;
  std::string lost = "/";  // the end of no file's path
  Errc lost_as = Errc::io;
  std::atomic<unsigned> reads{0};
  std::multiset<std::string> flushed;

 private:
  std::mutex mutex_;  // guards flushed
};

class BatchOnAFailingTarget : public testing::Test {
 protected:
  // More files of two blobs than are kept open, first all first blobs and then all second ones.
  void add_many() {
    for (int i = 0; i < 700; ++i) static_cast<void>(repository.data(first_of(i)));
    for (int i = 0; i < 700; ++i) {
      batch.items.emplace_back(
          target.root(), repository.file("f" + std::to_string(i), {first_of(i), second_of(i)}));
    }
    repository.store();
  }
  static std::string first_of(int i) { return "first " + std::to_string(i); }
  static std::string second_of(int i) { return ", second " + std::to_string(i); }
  void run() {
    BatchRun(repository.get(), target, options, tally, std::move(batch)).run(token, {});
  }
  [[nodiscard]] std::string restored(const std::string& name) const {
    return read_text_file(repository.scratch("target/" + name));
  }

  TestRepository repository;
  RestoreOptions options;
  model::SilentObserver observer;
  RestoreTally tally{observer};
  const bool is_made = std::filesystem::create_directory(repository.scratch("target"));
  FailingTarget target{repository.scratch("target"), {}};
  RestoreBatch batch;
  std::stop_source stop;
  std::stop_token token = stop.get_token();
};

TEST_F(BatchOnAFailingTarget, AsksForLateErrorsOfFilesThatAreClosedEarly) {
  add_many();
  run();
  EXPECT_EQ(tally.report().items_failed, 0U);
  EXPECT_EQ(tally.report().files_restored, 700U);
  for (int i = 0; i < 700; ++i) {
    ASSERT_EQ(restored("f" + std::to_string(i)), first_of(i) + second_of(i));
  }
  EXPECT_GE(target.flushed.size(), 700U + 50U) << "at the end, and when they had to go";
}

TEST_F(BatchOnAFailingTarget, FailsTheFileThatCouldNotBeClosed) {
  add_many();
  target.lost = "/f3";  // among the first to go
  run();
  EXPECT_EQ(tally.report().items_failed, 1U);
  EXPECT_EQ(tally.report().files_restored, 699U);
  struct ::stat status {};
  ASSERT_EQ(::stat(repository.scratch("target/f3").c_str(), &status), 0);
  EXPECT_NE(status.st_mtim.tv_sec, 1'600'000'000) << "it must not look like the snapshot's";
}

TEST_F(BatchOnAFailingTarget, EndsWhereClosingSaysThatTheDiskIsFull) {
  add_many();
  target.lost = "/f3";
  target.lost_as = Errc::no_space;
  EXPECT_THROW(run(), Error);
}

TEST_F(BatchOnAFailingTarget, WritesAFileAnewWhoseOldOneCannotBeRead) {
  batch.items.emplace_back(target.root(), repository.file("f", {"one", "two"}));
  repository.store();
  const std::filesystem::path path = repository.scratch("target/f");
  write_file_durably(path, as_bytes("onetwo"));
  struct ::stat before {
  }, after{};
  ASSERT_EQ(::stat(path.c_str(), &before), 0);
  const Fd other = open_file(path, O_RDONLY);  // so that its number is not used again
  target.is_unreadable = true;
  run();
  EXPECT_EQ(tally.report().items_failed, 0U);
  EXPECT_EQ(tally.report().files_restored, 1U);
  EXPECT_EQ(restored("f"), "onetwo");
  ASSERT_EQ(::stat(path.c_str(), &after), 0);
  EXPECT_NE(after.st_ino, before.st_ino);
}

TEST_F(BatchOnAFailingTarget, StopsInTheMiddleOfReadingBack) {
  std::vector<std::string> blobs;
  for (int i = 0; i < 100; ++i) blobs.push_back(std::to_string(i));
  batch.items.emplace_back(target.root(), repository.file("f", blobs));
  batch.items.emplace_back(target.root(), repository.file("g", blobs));
  repository.store();
  options.verify = true;
  options.threads = 1;
  target.on_read = [&] { stop.request_stop(); };
  try {
    run();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
  EXPECT_EQ(target.reads, 1U);
}

TEST_F(BatchOnAFailingTarget, SaysThatAFileCannotBeReadBack) {
  batch.items.emplace_back(target.root(), repository.file("f", {"one", "two"}));
  repository.store();
  options.verify = true;
  target.is_unreadable = true;
  run();
  EXPECT_EQ(tally.report().items_failed, 1U);
}

TEST_F(Batch, WeighsTextsThatAreNotNeededForRestoring) {
  const std::size_t least = weight_of(repository.file("f", {}));
  format::Node node = repository.file("f", {});
  node.user = node.group = node.error = std::string(1000, 'x');
  node.kept_json.push_back({"user", std::string(1000, 'x'), std::string(1000, 'x')});
  EXPECT_GE(weight_of(node), least + 5000);
}

TEST_F(Batch, WeighsWhatANodeHolds) {
  const format::Node small = repository.file("f", {});
  format::Node large = small;
  large.content->resize(1000);
  EXPECT_GE(weight_of(large), weight_of(small) + 1000 * sizeof(format::Id));
  large.extended_attributes.push_back({"user.x", Bytes(5000)});
  EXPECT_GE(weight_of(large), weight_of(small) + 1000 * sizeof(format::Id) + 5000);
}

}  // namespace
}  // namespace holdfast::archive

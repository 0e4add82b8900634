// SPDX-License-Identifier: Apache-2.0
#include "storage/retry.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "storage/fake_pacing.h"
#include "storage/memory.h"

namespace holdfast::storage {
namespace {

using namespace std::chrono_literals;

const FileRef pack{FileKind::pack, std::string(64, 'a')};

// Fails the first calls; with `after`, only once the call has been performed.
class Stubborn final : public Storage {
 public:
  void create() override { fail(); }
  void put(const FileRef& file, ByteView content) override {
    if (after) {
      const bool fails = failures_left > 0;
      if (fails) stored.overwrite(file, cut ? content.first(content.size() / 2) : content);
      fail();
    } else {
      fail();
    }
    stored.put(file, content);
  }
  void replace_config(ByteView content) override {
    fail();
    stored.replace_config(content);
  }
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override {
    fail();
    stored.read(file, offset_bytes, out);
  }
  std::optional<std::uint64_t> size_bytes(const FileRef& file) override {
    fail();
    return stored.size_bytes(file);
  }
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override {
    stored.list(kind, [&](const FoundFile& found) {
      visit(found);
      fail();
    });
  }
  void remove(const FileRef& file) override {
    fail();
    stored.remove(file);
  }
  Leftovers remove_leftovers(std::chrono::seconds /*age_min*/, bool /*dry_run*/) override {
    fail();
    return {.files = 1, .size_bytes = 2, .kept = 3};
  }
  void distrust_copies() override { ++distrusted; }
  unsigned connections_max() const noexcept override { return 1; }
  std::string location() const override { return "stubborn:"; }

  MemoryStorage stored;
  unsigned distrusted = 0;
  unsigned failures_left = 0;
  unsigned failures = 0;
  Errc code = Errc::unavailable;
  bool after = false;
  bool cut = false;

 private:
  void fail() {
    if (failures_left == 0) return;
    --failures_left;
    ++failures;
    throw Error(code, "the server is asleep");
  }
};

class RetryStorageTest : public testing::Test {
 protected:
  void SetUp() override { set_log_level(LogLevel::error); }
  void TearDown() override { set_log_level(LogLevel::warn); }

  template <typename Body>
  Error error_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {Errc::bug, "none"};
  }

  std::unique_ptr<Stubborn> owned_ = std::make_unique<Stubborn>();
  Stubborn& below_ = *owned_;
  FakeClock clock_;
  RetryStorage storage_{std::move(owned_), clock_.pacing()};
};

TEST_F(RetryStorageTest, TriesEveryCallAgainUntilItSucceeds) {
  const auto expect_retried = [&](auto&& body) {
    below_.failures_left = 3;
    body();
    EXPECT_EQ(below_.failures_left, 0U);
  };
  expect_retried([&] { storage_.create(); });
  expect_retried([&] { storage_.put(pack, as_bytes("content")); });
  expect_retried([&] { storage_.replace_config(as_bytes("config")); });
  expect_retried([&] { EXPECT_EQ(storage_.size_bytes(pack), 7U); });
  Bytes out(7);
  expect_retried([&] { storage_.read(pack, 0, out); });
  EXPECT_EQ(as_text(out), "content");
  expect_retried([&] { storage_.remove(pack); });
}

TEST_F(RetryStorageTest, ShowsEachFileOnceAlthoughListingFailedHalfway) {
  for (const char digit : {'a', 'b', 'c'}) {
    below_.stored.put({FileKind::pack, std::string(64, digit)}, {});
  }
  below_.failures_left = 2;
  std::multiset<std::string> names;
  storage_.list(FileKind::pack, [&](const FoundFile& found) { names.insert(found.file.name); });
  EXPECT_EQ(names.size(), 3U);
  EXPECT_EQ(below_.failures, 2U);
}

TEST_F(RetryStorageTest, WaitsLongerEachTimeAndGivesUpAfterAQuarterOfAnHour) {
  below_.failures_left = 1'000'000;
  const Error error = error_of([&] { storage_.create(); });
  EXPECT_EQ(error.code(), Errc::unavailable);
  EXPECT_NE(error.message().find("tried"), std::string::npos) << error.message();
  const auto sleeps = clock_.sleeps();
  ASSERT_GT(sleeps.size(), 10U);
  EXPECT_GE(sleeps[0], 250ms);
  EXPECT_LE(sleeps[0], 750ms);
  EXPECT_GE(sleeps[5], 8s);
  EXPECT_LE(clock_.slept(), 15min);
  EXPECT_GE(clock_.slept(), 13min);
  for (const auto& pause : sleeps) EXPECT_LE(pause, 90s);
}

TEST_F(RetryStorageTest, DoesNotTryAgainWhatWillNotChange) {
  for (const Errc code : {Errc::denied, Errc::no_space, Errc::corrupt, Errc::cancelled}) {
    below_.failures_left = 1;
    below_.code = code;
    EXPECT_EQ(error_of([&] { storage_.put(pack, as_bytes("x")); }).code(), code);
  }
  EXPECT_TRUE(clock_.sleeps().empty());
}

TEST_F(RetryStorageTest, TriesFailedReadsOfADiskAFewTimesButNotFailedWrites) {
  below_.stored.put(pack, as_bytes("x"));
  below_.code = Errc::io;
  Bytes out(1);
  below_.failures_left = 2;
  storage_.read(pack, 0, out);
  below_.failures_left = 100;
  EXPECT_EQ(error_of([&] { storage_.read(pack, 0, out); }).code(), Errc::io);
  EXPECT_EQ(below_.failures_left, 97U);
  EXPECT_EQ(error_of([&] { storage_.remove(pack); }).code(), Errc::io);
  EXPECT_EQ(below_.failures_left, 96U);
}

TEST_F(RetryStorageTest, TakesAFileThatAnEarlierTryStoredAsStored) {
  below_.after = true;
  below_.failures_left = 1;
  storage_.put(pack, as_bytes("content"));
  EXPECT_EQ(below_.stored.size_bytes(pack), 7U);
}

TEST_F(RetryStorageTest, DoesNotTakeAnotherContentAsStored) {
  below_.after = true;
  below_.cut = true;
  below_.failures_left = 1;
  EXPECT_EQ(error_of([&] { storage_.put(pack, as_bytes("content")); }).code(), Errc::exists);
}

TEST_F(RetryStorageTest, SaysThatAFileExistedBeforeTheFirstTry) {
  below_.stored.put(pack, as_bytes("content"));
  EXPECT_EQ(error_of([&] { storage_.put(pack, as_bytes("content")); }).code(), Errc::exists);
}

}  // namespace
}  // namespace holdfast::storage

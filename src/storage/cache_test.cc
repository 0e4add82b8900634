// SPDX-License-Identifier: Apache-2.0
#include "storage/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "storage/memory.h"

namespace holdfast::storage {
namespace {

namespace fs = std::filesystem;

// Memory that counts what is read from it.
class Counted final : public Storage {
 public:
  void create() override {}
  void put(const FileRef& file, ByteView content) override { stored.put(file, content); }
  void replace_config(ByteView content) override { stored.replace_config(content); }
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override {
    ++reads;
    stored.read(file, offset_bytes, out);
  }
  std::optional<std::uint64_t> size_bytes(const FileRef& file) override {
    return stored.size_bytes(file);
  }
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override {
    stored.list(kind, visit);
  }
  void remove(const FileRef& file) override { stored.remove(file); }
  Leftovers remove_leftovers(std::chrono::seconds /*age_min*/, bool /*dry_run*/) override {
    return {};
  }
  void distrust_copies() override { ++distrusted; }
  unsigned connections_max() const noexcept override { return 1; }
  std::string location() const override { return "counted:"; }

  MemoryStorage stored;
  unsigned reads = 0;
  unsigned distrusted = 0;
};

class CacheStorageTest : public testing::Test {
 protected:
  static FileRef file_of(FileKind kind, std::string_view content) {
    return {kind, to_hex(sha256(as_bytes(content)))};
  }
  fs::path copy_of(const FileRef& file) const {
    return directory_ / (file.kind == FileKind::index ? "index" : "snapshots") /
           file.name.substr(0, 2) / file.name;
  }
  std::string text_of(const FileRef& file) {
    const std::optional<Bytes> content = read_file(storage_, file);
    return content ? std::string(as_text(*content)) : "(none)";
  }

  TemporaryDirectory temporary_{"holdfast-cache"};
  fs::path directory_ = temporary_.path() / "cache/repository";
  std::unique_ptr<Counted> owned_ = std::make_unique<Counted>();
  Counted& below_ = *owned_;
  CacheStorage storage_{std::move(owned_), directory_};
  FileRef index_ = file_of(FileKind::index, "an index");
};

TEST_F(CacheStorageTest, ReadsIndexAndSnapshotFilesFromBelowOnlyOnce) {
  const FileRef snapshot = file_of(FileKind::snapshot, "a snapshot");
  below_.stored.put(index_, as_bytes("an index"));
  below_.stored.put(snapshot, as_bytes("a snapshot"));
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(text_of(index_), "an index");
    EXPECT_EQ(text_of(snapshot), "a snapshot");
  }
  EXPECT_EQ(below_.reads, 2U);
}

TEST_F(CacheStorageTest, KeepsWhatIsPutAndServesRangesOfIt) {
  storage_.put(index_, as_bytes("an index"));
  Bytes out(5);
  storage_.read(index_, 3, out);
  EXPECT_EQ(as_text(out), "index");
  EXPECT_EQ(below_.reads, 0U);
}

TEST_F(CacheStorageTest, HoldsNeitherKeysNorLocksNorConfigNorPacks) {
  for (const FileKind kind : {FileKind::key, FileKind::lock, FileKind::pack}) {
    const FileRef file = file_of(kind, "content");
    storage_.put(file, as_bytes("content"));
    EXPECT_EQ(text_of(file), "content");
  }
  storage_.put(FileRef{}, as_bytes("config"));
  EXPECT_EQ(text_of(FileRef{}), "config");
  EXPECT_FALSE(fs::exists(directory_));
  EXPECT_EQ(below_.reads, 4U);
}

TEST_F(CacheStorageTest, DropsADamagedCopyAndFetchesItAnew) {
  storage_.put(index_, as_bytes("an index"));
  std::ofstream(copy_of(index_)) << "an Index";
  EXPECT_EQ(text_of(index_), "an index");
  EXPECT_EQ(below_.reads, 1U);
  fs::resize_file(copy_of(index_), 3);
  EXPECT_EQ(text_of(index_), "an index");
  EXPECT_EQ(below_.reads, 2U);
  EXPECT_EQ(text_of(index_), "an index");
  EXPECT_EQ(below_.reads, 2U);
}

TEST_F(CacheStorageTest, NeverKeepsWhatDoesNotMatchItsName) {
  below_.stored.put(index_, as_bytes("damaged!"));
  EXPECT_EQ(text_of(index_), "damaged!");
  EXPECT_FALSE(fs::exists(copy_of(index_)));
}

TEST_F(CacheStorageTest, ReadsNoCopyOnceCopiesAreDistrusted) {
  storage_.put(index_, as_bytes("an index"));
  below_.stored.overwrite(index_, as_bytes("an Index"));
  EXPECT_EQ(text_of(index_), "an index");
  storage_.distrust_copies();
  EXPECT_EQ(text_of(index_), "an Index");
  EXPECT_EQ(below_.distrusted, 1U) << "there may be another cache below";
}

TEST_F(CacheStorageTest, RemovesTheCopyWithTheFile) {
  storage_.put(index_, as_bytes("an index"));
  EXPECT_TRUE(fs::exists(copy_of(index_)));
  storage_.remove(index_);
  EXPECT_FALSE(fs::exists(copy_of(index_)));
  EXPECT_EQ(text_of(index_), "(none)");
}

TEST_F(CacheStorageTest, RemovesCopiesOfFilesThatAreGoneBelow) {
  const FileRef other = file_of(FileKind::index, "another");
  storage_.put(index_, as_bytes("an index"));
  storage_.put(other, as_bytes("another"));
  below_.stored.remove(index_);
  EXPECT_EQ(storage_.size_bytes(index_), std::nullopt) << "the cache vouched for a removed file";
  EXPECT_FALSE(fs::exists(copy_of(index_)));
  below_.stored.remove(other);
  storage_.list(FileKind::index,
                [](const FoundFile&) { ADD_FAILURE() << "listed from the cache"; });
  EXPECT_FALSE(fs::exists(copy_of(other)));
}

TEST_F(CacheStorageTest, WorksWithoutACacheThatCannotBeWritten) {
  fs::create_directories(directory_.parent_path());
  std::ofstream(directory_) << "a file where the directory should be";
  storage_.put(index_, as_bytes("an index"));
  EXPECT_EQ(text_of(index_), "an index");
  EXPECT_EQ(text_of(index_), "an index");
  EXPECT_EQ(below_.reads, 2U);
  storage_.list(FileKind::index, [](const FoundFile&) {});
  storage_.remove(index_);
}

TEST_F(CacheStorageTest, IsPrivateAndMarkedAsACache) {
  storage_.put(index_, as_bytes("an index"));
  struct stat status {};
  ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  ASSERT_EQ(::stat(copy_of(index_).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_TRUE(read_text_file(directory_.parent_path() / "CACHEDIR.TAG")
                  .starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
}

// For those who remove caches that nobody uses any more.
TEST_F(CacheStorageTest, MarksItsDirectoryAsUsed) {
  fs::create_directories(directory_);
  const auto before = fs::file_time_type::clock::now() - std::chrono::hours(1000);
  fs::last_write_time(directory_, before);
  const CacheStorage again(std::make_unique<Counted>(), directory_);
  EXPECT_GT(fs::last_write_time(directory_), before + std::chrono::hours(999));
  fs::remove_all(directory_);
  const CacheStorage absent(std::make_unique<Counted>(), directory_);
  EXPECT_FALSE(fs::exists(directory_));
}

}  // namespace
}  // namespace holdfast::storage

// SPDX-License-Identifier: Apache-2.0
#include "storage/open.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "storage/memory.h"

namespace holdfast::storage {
namespace {

Error error_of(std::string_view location) {
  try {
    static_cast<void>(open(location, OpenOptions{}));
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << location << " was opened";
  return {Errc::bug, "none"};
}

TEST(Open, TakesAPathWithOrWithoutTheWordLocal) {
  EXPECT_EQ(open("/srv/backup", {})->location(), "/srv/backup");
  EXPECT_EQ(open("local:/srv/backup", {})->location(), "/srv/backup");
  EXPECT_EQ(open("/srv/with:colon", {})->location(), "/srv/with:colon");
  EXPECT_EQ(open("local:/srv/with:colon", {})->location(), "/srv/with:colon");
  EXPECT_TRUE(open("relative/path", {})->location().ends_with("/relative/path"));
}

TEST(Open, TakesTheConnectionsOfTheOptions) {
  EXPECT_EQ(open("/srv/backup", {})->connections_max(), 2U);
  OpenOptions options;
  options.connections = 7;
  EXPECT_EQ(open("/srv/backup", options)->connections_max(), 7U);
}

TEST(Open, NamesTheSchemeItCannotServeAndNothingElse) {
  for (const char* scheme : {"sftp", "rest", "s3", "b2", "azure", "gs", "swift", "rclone"}) {
    const Error error = error_of(std::string(scheme) + ":https://user:hunter2@host/path");
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_NE(error.message().find(scheme), std::string::npos);
    EXPECT_EQ(std::string_view(error.what()).find("hunter2"), std::string_view::npos);
  }
}

TEST(Open, RefusesWhatIsNoLocation) {
  EXPECT_EQ(error_of("").code(), Errc::usage);
  EXPECT_EQ(error_of("local:").code(), Errc::usage);
  const Error error = error_of("colour:hunter2");
  EXPECT_EQ(error.code(), Errc::usage);
  EXPECT_EQ(std::string_view(error.what()).find("hunter2"), std::string_view::npos);
}

TEST(Wrap, KeepsCopiesBelowADirectoryOfTheLocation) {
  const TemporaryDirectory temporary("holdfast-open");
  OpenOptions options;
  options.cache_directory = temporary.path() / "cache";
  const std::unique_ptr<Storage> storage = wrap(std::make_unique<MemoryStorage>(), options);
  // The SHA-256 of "hello", so that the copy is kept.
  const FileRef index{FileKind::index,
                      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"};
  storage->put(index, as_bytes("hello"));
  unsigned copies = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(temporary.path())) {
    if (entry.path().filename() == index.name) ++copies;
  }
  EXPECT_EQ(copies, 1U);
}

// Stores something else the first time, and fails to say so.
class Liar final : public Storage {
 public:
  void create() override {}
  void put(const FileRef& file, ByteView content) override {
    if (puts++ == 0) {
      const Bytes other(content.size(), std::byte{0});
      stored.put(file, other);
      throw Error(Errc::unavailable, "no answer");
    }
    stored.put(file, content);
  }
  void replace_config(ByteView content) override { stored.replace_config(content); }
  void read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) override {
    stored.read(file, offset_bytes, out);
  }
  std::optional<std::uint64_t> size_bytes(const FileRef& file) override {
    return stored.size_bytes(file);
  }
  void list(FileKind kind, const std::function<void(const FoundFile&)>& visit) override {
    stored.list(kind, visit);
  }
  void remove(const FileRef& file) override { stored.remove(file); }
  Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override {
    return {.files = static_cast<std::uint64_t>(age_min.count()), .size_bytes = dry_run ? 1U : 2U};
  }
  void distrust_copies() override { ++distrusted; }
  unsigned connections_max() const noexcept override { return 1; }
  std::string location() const override { return "liar:"; }

  MemoryStorage stored;
  unsigned puts = 0;
  unsigned distrusted = 0;
};

TEST(Wrap, NeverProvesByACopyThatAPutWasDone) {
  const TemporaryDirectory temporary("holdfast-open");
  OpenOptions options;
  options.cache_directory = temporary.path() / "cache";
  auto owned = std::make_unique<Liar>();
  Liar& driver = *owned;
  const std::unique_ptr<Storage> storage = wrap(std::move(owned), options);
  const FileRef index{FileKind::index,
                      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"};
  driver.stored.put(index, as_bytes("hello"));
  EXPECT_EQ(as_text(*read_file(*storage, index)), "hello");  // leaves a copy
  driver.stored.remove(index);
  try {
    storage->put(index, as_bytes("hello"));
    FAIL() << "what is stored is something else";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::exists);
  }
  EXPECT_EQ(driver.puts, 2U);
}

TEST(Wrap, PassesOnWhatOnlyTheDriverKnows) {
  const TemporaryDirectory temporary("holdfast-open");
  OpenOptions options;
  options.cache_directory = temporary.path() / "cache";
  options.upload_bytes_per_second_max = 1U << 30U;
  auto owned = std::make_unique<Liar>();
  Liar& driver = *owned;
  const std::unique_ptr<Storage> storage = wrap(std::move(owned), options);
  storage->distrust_copies();
  EXPECT_EQ(driver.distrusted, 1U);
  EXPECT_EQ(storage->remove_leftovers(std::chrono::seconds(7), true).files, 7U);
  EXPECT_EQ(storage->remove_leftovers(std::chrono::seconds(7), false).size_bytes, 2U);
}

TEST(StorageNames, AreUnique) {
  const std::set<std::string_view> names(storage_names().begin(), storage_names().end());
  EXPECT_EQ(names.size(), storage_names().size());
  EXPECT_TRUE(names.contains("local"));
}

}  // namespace
}  // namespace holdfast::storage

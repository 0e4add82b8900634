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

TEST(StorageNames, AreUnique) {
  const std::set<std::string_view> names(storage_names().begin(), storage_names().end());
  EXPECT_EQ(names.size(), storage_names().size());
  EXPECT_TRUE(names.contains("local"));
}

}  // namespace
}  // namespace holdfast::storage

// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/stored_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "base/error.h"
#include "engine/typedb/test_directories.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

class TypedbStoredFile : public ::testing::Test {
 protected:
  TypedbStoredFile() { put_file(place_.path() / "file", "content"); }
  [[nodiscard]] Errc opening(const char* name, Links links = Links::refused) const {
    return code_of([&] { const StoredFile file(place_.path() / name, stop_, links); });
  }
  TemporaryDirectory place_{"typedb-test"};
  std::stop_token stop_;
};

TEST_F(TypedbStoredFile, IsReadFromItsBeginningAndAtPlaces) {
  StoredFile file(place_.path() / "file", stop_);
  EXPECT_EQ(file.size_bytes(), 7U);
  std::array<std::byte, 3> some{};
  EXPECT_EQ(file.read(some), 3U);
  EXPECT_EQ(as_text(some), "con");
  file.read_at(4, some);
  EXPECT_EQ(as_text(some), "ent");
  EXPECT_EQ(file.text(7), "content");
  EXPECT_EQ(code_of([&] { static_cast<void>(file.text(6)); }), Errc::corrupt);
}

TEST_F(TypedbStoredFile, PipesAndDirectoriesAreRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo((place_.path() / "pipe").c_str(), 0600), 0);
  fs::create_directory(place_.path() / "directory");
  for (const Links links : {Links::refused, Links::followed}) {
    EXPECT_EQ(opening("pipe", links), Errc::corrupt);
    EXPECT_EQ(opening("directory", links), Errc::corrupt);
    EXPECT_EQ(opening("gone", links), Errc::not_found);
  }
}

TEST_F(TypedbStoredFile, LinksAreFollowedOnlyWhereThatIsWanted) {
  fs::create_symlink("file", place_.path() / "link");
  EXPECT_EQ(opening("link"), Errc::corrupt);
  EXPECT_EQ(opening("link", Links::followed), Errc::bug) << "no error";
}

TEST_F(TypedbStoredFile, EveryReadHearsTheStop) {
  std::stop_source stop;
  const std::stop_token token = stop.get_token();
  StoredFile file(place_.path() / "file", token);
  stop.request_stop();
  std::array<std::byte, 1> one{};
  EXPECT_EQ(code_of([&] { static_cast<void>(file.read(one)); }), Errc::cancelled);
  EXPECT_EQ(code_of([&] { file.read_at(0, one); }), Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::typedb

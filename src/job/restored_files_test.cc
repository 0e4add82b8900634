// SPDX-License-Identifier: Apache-2.0
#include "job/restored_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class RestoredFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root() / "conf");
    write_file_durably(root() / "conf/app.xml", as_bytes("<old/>"), 0640);
    fs::create_directories(outside());
    write_file_durably(outside() / "app.xml", as_bytes("another's"));
    FilesTarget files;
    files.facts.paths = {{"/srv/app", "files/app/srv/app"}};
    files.paths = {{"files/app/srv/app", root(), {}}};
    plan_.files.push_back(files);
  }
  [[nodiscard]] fs::path root() const { return scratch_.path() / "new"; }
  [[nodiscard]] fs::path outside() const { return scratch_.path() / "outside"; }
  [[nodiscard]] RestoredFiles files() const { return RestoredFiles(plan_); }

 private:
  TemporaryDirectory scratch_{"holdfast-restored"};
  RestorePlan plan_;
};

TEST_F(RestoredFilesTest, FindsWhatLayBelowAPath) {
  EXPECT_EQ(files().place_of("/srv/app/conf/app.xml"), root() / "conf/app.xml");
  EXPECT_EQ(files().place_of("/srv/app"), root());
  EXPECT_EQ(files().place_of("/srv/apple"), "");
  for (const char* path : {"/srv/app/../app/conf", "/srv/app//etc", "/srv//app", "/srv/app/",
                           "/srv/app/.", "srv/app", ""}) {
    EXPECT_EQ(files().place_of(path), "") << path;
    EXPECT_TRUE(files().apply({{path, std::nullopt, "it"}}).empty()) << path;
  }
  EXPECT_EQ(files().read("/srv/app/conf/app.xml"), "<old/>");
  EXPECT_FALSE(files().read("/srv/app/conf").has_value());
  EXPECT_FALSE(files().read("/srv/app/conf/none.xml").has_value());
  EXPECT_FALSE(files().read("/etc/hostname").has_value());
}

TEST_F(RestoredFilesTest, ChangesContentAndKeepsTheMode) {
  const auto made = files().apply({{"/srv/app/conf/app.xml", "<new/>", "the connection"}});
  EXPECT_EQ(made, std::vector<std::string>{"the connection"});
  EXPECT_EQ(read_text_file(root() / "conf/app.xml", 100), "<new/>");
  EXPECT_EQ(fs::status(root() / "conf/app.xml").permissions(), fs::perms(0640));
}

TEST_F(RestoredFilesTest, RemovesWithAllBelow) {
  EXPECT_EQ(files().apply({{"/srv/app/conf", std::nullopt, "the index"}}).size(), 1U);
  EXPECT_FALSE(fs::exists(root() / "conf"));
  EXPECT_TRUE(files().apply({{"/srv/app/conf", std::nullopt, "the index"}}).empty());
}

TEST_F(RestoredFilesTest, RefusesToWriteWhatWasNotRestored) {
  EXPECT_THROW(static_cast<void>(files().apply({{"/srv/app/none", "x", "a file"}})), Error);
  EXPECT_THROW(static_cast<void>(files().apply({{"/etc/hostname", "x", "a file"}})), Error);
  EXPECT_TRUE(files().apply({{"/etc/hostname", std::nullopt, "a file"}}).empty());
}

TEST_F(RestoredFilesTest, FollowsNoLinkOutOfWhatWasRestored) {
  fs::create_directory_symlink(outside(), root() / "link");
  fs::create_symlink(outside() / "app.xml", root() / "conf/link.xml");
  EXPECT_FALSE(files().read("/srv/app/link/app.xml").has_value());
  EXPECT_FALSE(files().read("/srv/app/conf/link.xml").has_value());
  EXPECT_THROW(static_cast<void>(files().apply({{"/srv/app/link/app.xml", "x", "it"}})), Error);
  EXPECT_THROW(static_cast<void>(files().apply({{"/srv/app/conf/link.xml", "x", "it"}})), Error);
  EXPECT_TRUE(files().apply({{"/srv/app/link/app.xml", std::nullopt, "it"}}).empty());
  EXPECT_EQ(read_text_file(outside() / "app.xml", 100), "another's");
}

}  // namespace
}  // namespace holdfast::job

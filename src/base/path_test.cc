// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/fd.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

TEST(CleanPath, TakesOutWhatSaysNothing) {
  EXPECT_EQ(clean_path("/a//b/./c/"), "/a/b/c");
  EXPECT_EQ(clean_path("a/../b"), "b");
  EXPECT_EQ(clean_path("../../a"), "../../a");
  EXPECT_EQ(clean_path("a/../../b"), "../b");
  EXPECT_EQ(clean_path("/../a"), "/a");
  EXPECT_EQ(clean_path("/.."), "/");
  EXPECT_EQ(clean_path("./"), ".");
  EXPECT_EQ(clean_path(""), ".");
}

// Each is a world of its own: the working directory and PWD are the process's.
class AbsolutePath : public testing::Test {
 protected:
  AbsolutePath() : before_(fs::current_path()) {
    fs::create_directory(directory_.path() / "real");
    fs::create_directory_symlink("real", directory_.path() / "link");
    fs::current_path(directory_.path() / "real");
  }
  ~AbsolutePath() override {
    fs::current_path(before_);
    ::unsetenv("PWD");
  }
  [[nodiscard]] std::string path(std::string_view name) const {
    return (fs::canonical(directory_.path()) / name).string();
  }
  TemporaryDirectory directory_{"holdfast-test"};
  fs::path before_;
};

TEST_F(AbsolutePath, KeepsTheNameTheUserHasForTheWorkingDirectory) {
  ::setenv("PWD", path("link").c_str(), 1);
  EXPECT_EQ(absolute_path("a"), path("link/a"));
  EXPECT_EQ(absolute_path("../a"), path("a"));
  EXPECT_EQ(absolute_path("."), path("link"));
  EXPECT_EQ(absolute_path("/a/../b"), "/b");
}

TEST_F(AbsolutePath, BelievesNoNameThatIsNotTheWorkingDirectory) {
  for (const std::string& wrong : {path(""), path("none"), std::string("real"), std::string()}) {
    ::setenv("PWD", wrong.c_str(), 1);
    EXPECT_EQ(absolute_path("a"), path("real/a")) << wrong;
  }
}

}  // namespace
}  // namespace holdfast

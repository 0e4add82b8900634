// SPDX-License-Identifier: Apache-2.0
#include "job/kept_aside.h"

#include <gtest/gtest.h>

#include "base/fd.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class KeptAside : public testing::Test {
 protected:
  KeptAside() {
    fs::create_directories(place() / "WEB-INF");
    FilesTarget files;
    files.facts.name = "files";
    files.facts.paths = {{"/old/webapps/shop", "files/shop"}, {"/old/data", "files/data"}};
    files.paths = {{"files/shop", place(), {}}, {"files/data", root_.path() / "data", {}}};
    plan_.files.push_back(files);
    manifest_.profile_facts.set("deployed", Json::array().push("/old/webapps/shop"));
  }
  [[nodiscard]] fs::path place() const { return root_.path() / "tomcat/webapps/shop"; }
  [[nodiscard]] const PathTarget& path(std::size_t i) const { return plan_.files[0].paths[i]; }

  TemporaryDirectory root_{"kept-aside-test"};
  model::Manifest manifest_;
  RestorePlan plan_;
  std::vector<model::Finding> findings_;
};

TEST_F(KeptAside, OfWhatAServerTakesForAnApplication) {
  keep_aside(manifest_, plan_, findings_);
  EXPECT_EQ(path(0).aside, fs::canonical(root_.path() / "tomcat"));
  EXPECT_EQ(path(1).aside, "") << "nobody looks beside it";
  EXPECT_TRUE(findings_.empty());
}

TEST_F(KeptAside, NotWhereNoServerLooks) {
  const fs::path elsewhere = root_.path() / "restored/shop";
  plan_.files[0].paths[0].path = elsewhere;
  keep_aside(manifest_, plan_, findings_);
  EXPECT_EQ(path(0).aside, "");
  fs::create_directories(root_.path() / "conf");
  write_file_durably(root_.path() / "conf/server.xml", as_bytes("<Server/>"), 0644);
  keep_aside(manifest_, plan_, findings_);
  EXPECT_EQ(path(0).aside, fs::canonical(root_.path()));
  EXPECT_TRUE(findings_.empty());
}

TEST_F(KeptAside, NotOfWhatLiesInAnotherTarget) {
  plan_.files[0].facts.paths.push_back({"/old", "files/tomcat"});
  plan_.files[0].paths.push_back({"files/tomcat", root_.path() / "tomcat", {}});
  keep_aside(manifest_, plan_, findings_);
  EXPECT_EQ(path(0).aside, "") << "it would be a file too many in the other";
  EXPECT_TRUE(findings_.empty());
}

TEST_F(KeptAside, NotAcrossFileSystemsWhichIsTold) {
  fs::remove_all(place().parent_path());
  // A mount point wherever there is Linux; nothing is written.
  fs::create_directory_symlink("/proc", place().parent_path());
  plan_.files[0].paths[0].path = place().parent_path() / "1";
  keep_aside(manifest_, plan_, findings_);
  EXPECT_EQ(path(0).aside, "");
  ASSERT_EQ(findings_.size(), 1U);
  EXPECT_EQ(findings_[0].code, "target-kept-beside");
  EXPECT_EQ(findings_[0].severity, model::Severity::warning);
}

}  // namespace
}  // namespace holdfast::job

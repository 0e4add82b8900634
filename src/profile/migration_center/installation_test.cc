// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/installation.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/fd.h"

namespace holdfast::profile::migration_center {
namespace {

namespace fs = std::filesystem;

TEST(Installations, AreFoundToThreeLevelsAndNoFurther) {
  const TemporaryDirectory place("installation");
  for (const char* name : {"a/b/c", "a/b/c/d/e"}) {
    fs::create_directories(place.path() / name / "bin");
    for (const char* script : {"startDaemon.sh", "stopDaemon.sh"})
      write_file_durably(place.path() / name / "bin" / script, as_bytes("x"), 0644);
  }
  const Installation found = find_installation(place.path().string());
  EXPECT_EQ(found.jobservers, std::vector<std::string>{(place.path() / "a/b/c").string()});
  EXPECT_TRUE(found.unseen.empty());
}

TEST(Installations, CountDirectoriesAndNotFiles) {
  const TemporaryDirectory place("installation");
  fs::create_directories(place.path() / "a");
  write_file_durably(place.path() / "a/x", as_bytes("x"), 0644);
  for (int i = 0; i < 20'100; ++i)
    fs::create_hard_link(place.path() / "a/x", place.path() / "a" / std::to_string(i));
  fs::create_directories(place.path() / "b/bin");
  for (const char* script : {"startDaemon.sh", "stopDaemon.sh"})
    write_file_durably(place.path() / "b/bin" / script, as_bytes("x"), 0644);
  const Installation found = find_installation(place.path().string());
  EXPECT_EQ(found.jobservers.size(), 1U);
  EXPECT_TRUE(found.unseen.empty());
}

TEST(Installations, SayWhatCouldNotBeLookedInto) {
  const TemporaryDirectory place("installation");
  const std::string loop = (place.path() / "loop").string();
  fs::create_symlink(loop, loop);
  const Installation found = find_installation(loop);
  ASSERT_EQ(found.unseen.size(), 1U);
  EXPECT_TRUE(found.unseen[0].starts_with(loop + ": ")) << found.unseen[0];
  EXPECT_TRUE(find_installation((place.path() / "nowhere").string()).unseen.empty());
}

}  // namespace
}  // namespace holdfast::profile::migration_center

// SPDX-License-Identifier: Apache-2.0
#include "job/cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "job/test_jobs.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

class Caches : public JobTest {
 protected:
  // A directory of this name with a file of 1,000 bytes, last used so many days ago.
  void make(const std::string& name, int days) {
    write("cache/" + name + "/index/ab/file", std::string(1000, 'x'));
    struct timespec times[2] = {};
    times[0].tv_sec = times[1].tv_sec = environment.clock->now().seconds - days * 86'400 - 60;
    ASSERT_EQ(::utimensat(AT_FDCWD, path("cache/" + name).c_str(), times, 0), 0);
  }
  std::vector<CacheDirectory> list(int days, bool with_sizes = true) {
    return list_caches(environment, path("cache"), std::chrono::hours(24 * days), with_sizes);
  }
};

TEST_F(Caches, AreListedByTheirLastUse) {
  const std::string young(64, 'a'), old(64, 'b'), of_check = "restic-check-cache-123";
  make(young, 1);
  make(old, 40);
  make(of_check, 2);
  write("cache/CACHEDIR.TAG", "tag");
  write("cache/other/file", "not ours");
  fs::create_directory_symlink(path("cache/other"), path("cache/" + std::string(64, 'c')));
  const std::vector<CacheDirectory> found = list(30);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].name, old);
  EXPECT_TRUE(found[0].is_old);
  EXPECT_EQ(found[0].size_bytes, 1000U);
  EXPECT_EQ(found[1].name, of_check);
  EXPECT_EQ(found[2].name, young);
  EXPECT_FALSE(found[2].is_old);
  EXPECT_TRUE(list(1)[2].is_old);
  EXPECT_FALSE(list(30, false)[0].size_bytes.has_value());
}

TEST_F(Caches, AreNoneWhereNothingIs) {
  EXPECT_TRUE(list(30).empty());
  write("cache", "a file");
  EXPECT_THROW(static_cast<void>(list(30)), Error);
}

TEST_F(Caches, GoWithAllTheyHold) {
  make(std::string(64, 'a'), 40);
  make(std::string(64, 'b'), 40);
  remove_cache(path("cache"), list(30).front());
  EXPECT_EQ(list(30).size(), 1U);
}

}  // namespace
}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Clones on a file system that really shares bytes between files: the temporary directory's own, or
// one made for the test, by root, where mkfs.btrfs or mkfs.xfs is installed. hold_test.cc has the
// same with a make-believe clone for everybody.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/process.h"
#include "engine/registry.h"
#include "engine/sqlite/clone.h"
#include "engine/sqlite/hold.h"
#include "engine/sqlite/lite.h"
#include "harness/memory_parts.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using engine::sqlite::Access;
using engine::sqlite::Connection;

bool shares_bytes(const std::filesystem::path& directory) {
  write_file_durably(directory / "probe", as_bytes("content"));
  const Fd source = open_file(directory / "probe", O_RDONLY);
  const Fd target = open_file(directory / "clone", O_RDWR | O_CREAT, 0600);
  const bool shared = engine::sqlite::clone_file(source.get(), target.get());
  std::filesystem::remove(directory / "probe");
  std::filesystem::remove(directory / "clone");
  return shared;
}

bool run(const std::vector<std::string>& argv) {
  try {
    return run_process(Command{.argv = argv}).exit_code == 0;
  } catch (const Error&) {
    return false;  // there is no such program
  }
}

// A directory on a file system that shares bytes.
class Reflinks {
 public:
  Reflinks() {
    if (shares_bytes(home_.path())) {
      path_ = home_.path();
    } else if (::getuid() == 0) {
      mount();
    }
  }
  ~Reflinks() {
    if (mounted_) ::umount2((home_.path() / "mounted").c_str(), MNT_DETACH);
  }
  Reflinks(const Reflinks&) = delete;
  Reflinks& operator=(const Reflinks&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  // Why path() is empty.
  [[nodiscard]] const std::string& obstacle() const noexcept { return obstacle_; }

 private:
  void mount() {
    const std::string image = (home_.path() / "image").native();
    const std::filesystem::path at = home_.path() / "mounted";
    std::filesystem::create_directory(at);
    open_file(image, O_RDWR | O_CREAT, 0600).close(image);
    std::filesystem::resize_file(image,
                                 512U << 20U);  // a hole; mkfs.xfs takes no less than 300 MiB
    if (!run({"mkfs.btrfs", "-q", image}) && !run({"mkfs.xfs", "-q", "-m", "reflink=1", image})) {
      obstacle_ = "neither mkfs.btrfs nor mkfs.xfs works here";
      return;
    }
    mounted_ = run({"mount", "-o", "loop", image, at.native()});
    obstacle_ = mounted_ ? "what was mounted shares none either" : "mounting is not allowed here";
    if (mounted_ && shares_bytes(at)) path_ = at;
  }

  TemporaryDirectory home_{"holdfast-reflinks"};
  bool mounted_ = false;
  std::filesystem::path path_;
  std::string obstacle_ = "only root may mount";
};

TEST(SqliteReflinks, ARollbackDatabaseIsClonedAndItsWritersGoOnAtOnce) {
  const Reflinks reflinks;
  if (reflinks.path().empty())
    GTEST_SKIP() << "the temporary directory shares no bytes between files, and none that does "
                    "can be made: "
                 << reflinks.obstacle();
  const TemporaryDirectory elsewhere("holdfast-elsewhere");
  const std::filesystem::path scratch_here = reflinks.path() / "scratch";
  std::filesystem::create_directory(scratch_here);
  for (const std::filesystem::path& scratch : {scratch_here, elsewhere.path()}) {
    const std::filesystem::path database = reflinks.path() / "app.db";
    std::filesystem::remove(database);
    Connection application(database, Access::create);
    application.run(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, photo BLOB);"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)"
        "INSERT INTO items SELECT n, randomblob(300) FROM c");
    model::Endpoint endpoint;
    endpoint.component = "app";
    endpoint.engine = "sqlite";
    endpoint.uri = "sqlite:" + database.native();
    engine::HoldOptions options;
    options.scratch_directory = scratch;
    options.writer_stall_max = -1ms;  // nothing but a clone is quick enough
    const std::vector<model::Endpoint> one{endpoint};
    const auto hold = engine::find_engine("sqlite")->hold(one, options);
    ASSERT_TRUE(hold->fence(std::chrono::steady_clock::now() + 500ms));
    hold->capture();
    hold->unfence();
    EXPECT_NO_THROW(application.run("DELETE FROM items"));
    MemoryPartSink sink;
    hold->copy(0, hold->parts(0).front(), sink, {});
    model::DatabaseFacts facts;
    hold->describe(0, facts);
    EXPECT_EQ(facts.tables.at(0).rows, 20'000U);
    hold->release();
  }
}

}  // namespace
}  // namespace holdfast::test

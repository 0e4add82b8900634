// SPDX-License-Identifier: Apache-2.0
// What can be seen of a hold from within one process; tests/contract/engine has the rest, with
// writers of their own.
#include "engine/sqlite/hold.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <thread>

#include "engine/sqlite/location.h"
#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using namespace std::chrono_literals;

class StringSink final : public model::PartSink {
 public:
  class Writer final : public Segment {
   public:
    explicit Writer(std::string& to) : to_(to) {}
    void write(ByteView bytes) override { to_ += as_text(bytes); }
    void finish() override {}

   private:
    std::string& to_;
  };
  [[nodiscard]] std::unique_ptr<Segment> segment(std::uint32_t) override {
    return std::make_unique<Writer>(bytes);
  }
  std::string bytes;
};

class HoldTest : public SqliteTest {
 protected:
  [[nodiscard]] HoldOptions options() const {
    HoldOptions options;
    options.scratch_directory = scratch_.path();
    return options;
  }
  [[nodiscard]] std::int64_t items_in(Hold& hold) const {
    StringSink sink;
    hold.copy(0, hold.parts(0).front(), sink, {});
    write_file_durably(path("copy.db"), as_bytes(sink.bytes));
    return Connection(path("copy.db"), Access::immutable).integer("SELECT count(*) FROM items");
  }
  void write_to(const std::string& name) const {
    Connection(path(name), Access::read_write).run("DELETE FROM items");
  }
  [[nodiscard]] bool scratch_is_empty() const { return std::filesystem::is_empty(scratch_.path()); }
  TemporaryDirectory scratch_{"holdfast-sqlite-scratch"};
};

int clones = 0;
bool clone_as_reflinks_do(int source_fd, int target_fd) {
  ++clones;
  return copy_bytes(source_fd, target_fd, "a", std::nullopt, {});
}
bool cannot_clone(int, int) {
  return false;
}

TEST_F(HoldTest, ClonesARollbackDatabaseAndLetsWritersGoOnAtOnce) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  clones = 0;
  const auto hold = make_hold({&one, 1}, options(), clone_as_reflinks_do);
  hold->capture();
  EXPECT_EQ(clones, 1);
  EXPECT_NO_THROW(Connection(path("a.db"), Access::read_write).run("DELETE FROM items"));
  EXPECT_EQ(items_in(*hold), 3);
  EXPECT_TRUE(hold->moment(0).position.starts_with("change counter "));
}

TEST_F(HoldTest, ClonesIntoTheDatabasesOwnFileSystemIfNeedBe) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  // The first attempt is into the scratch directory, which a real clone cannot reach from another
  // file system.
  int attempts = 0;
  const auto hold = make_hold({&one, 1}, options(), [&](int source, int target) {
    return ++attempts > 1 && copy_bytes(source, target, "a", std::nullopt, {});
  });
  hold->capture();
  EXPECT_EQ(attempts, 2);
  EXPECT_NO_THROW(write_to("a.db"));
  EXPECT_EQ(items_in(*hold), 3);
  EXPECT_EQ(names(), (std::vector<std::string>{"a.db", "copy.db"}));
}

TEST_F(HoldTest, CopiesACloneBesideTheDatabaseAfterTheFence) {
  make("a.db", shop_sql);
  make("b.db", shop_sql);
  const std::vector<model::Endpoint> both{endpoint("a.db"), endpoint("b.db")};
  const auto hold = make_hold(both, options(), [&](int source, int target) {
    const std::filesystem::path at =
        std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(target));
    const bool near = at.native().starts_with(home_.path().native() + "/");
    return near && copy_bytes(source, target, "a", std::nullopt, {});
  });
  ASSERT_TRUE(hold->fence(std::chrono::steady_clock::now() + 500ms));
  hold->capture();
  EXPECT_TRUE(scratch_is_empty()) << "bytes were copied while writers waited";
  hold->unfence();
  EXPECT_NO_THROW(write_to("a.db"));
  EXPECT_EQ(items_in(*hold), 3);
  EXPECT_NO_THROW(write_to("b.db"));
  model::DatabaseFacts facts;
  hold->describe(1, facts);
  EXPECT_EQ(facts.tables.at(0).rows, 3U);
  hold->release();
}

TEST_F(HoldTest, CopiesASingleRollbackDatabaseInSteps) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  HoldOptions no_stall = options();
  no_stall.writer_stall_max = 0ms;
  const auto hold = make_hold({&one, 1}, no_stall, cannot_clone);
  hold->capture();
  EXPECT_NO_THROW(Connection(path("a.db"), Access::read_write).run("DELETE FROM items"));
  EXPECT_EQ(items_in(*hold), 3);
}

// With the application stopped nothing limits a locked pass: nobody may be started before its end.
TEST_F(HoldTest, LetsWritersWorkOnlyBehindALockedPass) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  HoldOptions stopped = options();
  stopped.stopped = true;
  const auto hold = make_hold({&one, 1}, stopped, cannot_clone);
  hold->capture();
  EXPECT_FALSE(hold->lets_writers_work());
  EXPECT_EQ(items_in(*hold), 3);
  EXPECT_TRUE(hold->lets_writers_work());
  EXPECT_NO_THROW(write_to("a.db"));
}

TEST_F(HoldTest, StopsCopyingInStepsAndLetsGo) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  std::stop_source stop;
  HoldOptions stopping = options();
  stopping.stop = stop.get_token();
  // Asked for a clone: the copy has begun.
  const auto hold = make_hold({&one, 1}, stopping, [&](int, int) {
    stop.request_stop();
    return false;
  });
  EXPECT_EQ(code_of([&] { hold->capture(); }), Errc::cancelled);
  EXPECT_NO_THROW(write_to("a.db"));
  EXPECT_TRUE(scratch_is_empty());
}

TEST_F(HoldTest, StopsWaitingForALock) {
  make("a.db", shop_sql);
  Connection hog(path("a.db"), Access::read_write);
  const model::Endpoint one = endpoint("a.db");
  for (const bool fenced : {false, true}) {
    std::stop_source stop;
    HoldOptions stopping = options();
    stopping.stop = stop.get_token();
    stopping.fence_max = 60s;
    const auto hold = make_hold({&one, 1}, stopping, cannot_clone);
    hog.run("BEGIN EXCLUSIVE");
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(50ms);
      stop.request_stop();
    });
    const SteadyTime begun = std::chrono::steady_clock::now();
    EXPECT_EQ(code_of([&] {
                if (fenced) {
                  static_cast<void>(hold->fence(begun + 60s));
                } else {
                  hold->capture();
                }
              }),
              Errc::cancelled);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 15s) << "it would have waited for 30 s";
    hog.run("COMMIT");
    EXPECT_NO_THROW(hog.run("DELETE FROM items")) << "something is still locked";
  }
}

TEST_F(HoldTest, ACopyThatFailsLetsTheWritersOfAllOthersGoOn) {
  make("a.db", shop_sql);
  make("b.db", shop_sql);
  const std::vector<model::Endpoint> both{endpoint("a.db"), endpoint("b.db")};
  HoldOptions patient = options();
  patient.writer_stall_max = 10min;
  // When the second is asked for its clone, the place of the first's copy is gone.
  const std::filesystem::path scratch = scratch_.path() / "gone";
  std::filesystem::create_directory(scratch);
  patient.scratch_directory = scratch;
  const auto inode_b = file_facts(path("b.db"))->inode;
  const auto hold = make_hold(both, patient, [&](int source, int) {
    struct stat status {};
    if (::fstat(source, &status) == 0 && status.st_ino == inode_b)
      std::filesystem::remove_all(scratch);
    return false;
  });
  hold->capture();
  Connection writer(path("b.db"), Access::read_write);
  writer.wait_for(30s);
  EXPECT_NO_THROW(writer.run("DELETE FROM items")) << "nobody has asked for the copy yet";
  EXPECT_EQ(code_of([&] { static_cast<void>(items_in(*hold)); }), Errc::not_found);
}

TEST_F(HoldTest, CapturesWhatIsFencedEvenIfTheFencesTimeIsUp) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  make("b.db", shop_sql);
  const std::vector<model::Endpoint> both{endpoint("a.db"), endpoint("b.db")};
  const auto hold = make_hold(both, options(), clone_as_reflinks_do);
  ASSERT_TRUE(hold->fence(std::chrono::steady_clock::now() + 500ms));
  std::this_thread::sleep_for(600ms);
  EXPECT_NO_THROW(hold->capture()) << "the locks are there already, so that nobody is waited for";
  hold->unfence();
  EXPECT_TRUE(hold->moment(0).fenced);
  EXPECT_EQ(items_in(*hold), 3);
}

TEST_F(HoldTest, AFenceThatWasLetGoFencesNothing) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  const model::Endpoint one = endpoint("a.db");
  const auto hold = make_hold({&one, 1}, options());
  ASSERT_TRUE(hold->fence(std::chrono::steady_clock::now() + 500ms));
  hold->unfence();
  hold->capture();
  EXPECT_FALSE(hold->moment(0).fenced);
}

TEST_F(HoldTest, SaysWhatWouldHelpWhereItRefuses) {
  make("a.db", shop_sql);
  make("b.db", shop_sql);
  const std::vector<model::Endpoint> both{endpoint("a.db"), endpoint("b.db")};
  HoldOptions no_stall = options();
  no_stall.writer_stall_max = -1ms;
  const auto hold = make_hold(both, no_stall, cannot_clone);
  try {
    hold->capture();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_consistent);
    EXPECT_NE(error.hint().find("journal_mode=WAL"), std::string::npos);
    EXPECT_NE(error.hint().find("writer_stall_ms"), std::string::npos);
  }
  EXPECT_NO_THROW(Connection(path("a.db"), Access::read_write).run("DELETE FROM items"));
}

TEST_F(HoldTest, NamesThePlaceInTheLog) {
  make("a.db", std::string("PRAGMA journal_mode=WAL;") + shop_sql);
  Connection application(path("a.db"), Access::read_write);
  application.run("DELETE FROM items WHERE id = 1");
  const model::Endpoint one = endpoint("a.db");
  const auto hold = make_hold({&one, 1}, options());
  ASSERT_TRUE(hold->fence(std::chrono::steady_clock::now() + 500ms));
  hold->capture();
  EXPECT_TRUE(hold->moment(0).position.starts_with("wal frame "));
  EXPECT_EQ(hold->moment(0).position.find("up to"), std::string::npos);
  EXPECT_NE(hold->moment(0).position, "wal frame 0");
  hold->unfence();
  EXPECT_EQ(items_in(*hold), 2);
}

TEST_F(HoldTest, CopiesAnEmptyFile) {
  write_file_durably(path("a.db"), {});
  const model::Endpoint one = endpoint("a.db");
  const auto hold = make_hold({&one, 1}, options());
  hold->capture();
  model::DatabaseFacts facts;
  hold->describe(0, facts);
  EXPECT_TRUE(facts.tables.empty());
  hold->release();
}

TEST_F(HoldTest, LeavesNothingInScratch) {
  make("a.db", shop_sql);
  const model::Endpoint one = endpoint("a.db");
  {
    const auto hold = make_hold({&one, 1}, options());
    hold->capture();
    EXPECT_EQ(items_in(*hold), 3);
    hold->release();
    model::DatabaseFacts facts;
    EXPECT_NO_THROW(hold->describe(0, facts)) << "what was copied can be described to the end";
    EXPECT_EQ(facts.engine_facts.string_or("file_mode", ""), "0644");
  }
  EXPECT_TRUE(std::filesystem::is_empty(scratch_.path()));
}

}  // namespace
}  // namespace holdfast::engine::sqlite

// SPDX-License-Identifier: Apache-2.0
// What docs/consistency.md promises of SQLite, against an application in a process of its own:
// under load in every journal mode, after it was killed, and where we may not write.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "contract/engine/writer_process.h"
#include "engine/registry.h"
#include "engine/sqlite/hold.h"
#include "engine/sqlite/lite.h"
#include "harness/memory_parts.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;
using engine::sqlite::Access;
using engine::sqlite::Connection;
using SteadyClock = std::chrono::steady_clock;

// How many backups of a database that is being written to; the soak run makes 50.
int backups() {
  const char* const wanted = std::getenv("HOLDFAST_SQLITE_BACKUPS");
  return wanted == nullptr ? 5 : std::atoi(wanted);
}

// A plain copy, as `cp` would make it.
bool clone_by_copying(int source_fd, int target_fd) {
  return engine::sqlite::copy_bytes(source_fd, target_fd, "a test database", std::nullopt, {});
}
bool cannot_clone(int /*source_fd*/, int /*target_fd*/) {
  return false;
}

class SqliteHold : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const {
    return (home_.path() / name).native();
  }
  [[nodiscard]] model::Endpoint endpoint(const std::string& name) const {
    model::Endpoint endpoint;
    endpoint.component = name;
    endpoint.engine = "sqlite";
    endpoint.uri = "sqlite:" + path(name);
    return endpoint;
  }
  [[nodiscard]] engine::HoldOptions options() const {
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    return options;
  }
  void make_items(const std::string& name, const std::string& mode, int rows = 500) const {
    Connection connection(path(name), Access::create);
    connection.tidy_on_close(true);
    connection.run("PRAGMA synchronous=OFF; PRAGMA journal_mode=" + mode);
    connection.run(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, photo BLOB);"
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < " +
        std::to_string(rows) +
        ") INSERT INTO items SELECT n, 'item ' || n, n, randomblob(300) FROM c");
  }
  static Bytes copy_of(engine::Hold& hold, std::size_t database) {
    MemoryPartSink sink;
    hold.copy(database, hold.parts(database).front(), sink, {});
    return sink.content();
  }
  [[nodiscard]] Connection restored(const Bytes& bytes) {
    const std::string file = path("restored-" + std::to_string(++restored_) + ".db");
    write_file_durably(file, bytes);
    Connection connection(file, Access::immutable);
    EXPECT_EQ(connection.text("PRAGMA integrity_check"), "ok");
    return connection;
  }
  // Content and time of a file, to see that it was not touched.
  [[nodiscard]] std::string state_of(const std::string& name) const {
    struct stat found {};
    if (::stat(path(name).c_str(), &found) != 0) return "absent";
    return std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec) +
           " " + to_hex(ByteView(sha256(as_bytes(read_text_file(path(name))))));
  }
  static Errc code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }

  TemporaryDirectory home_{"holdfast-sqlite-test"};
  TemporaryDirectory scratch_{"holdfast-sqlite-scratch"};
  int restored_ = 0;
};

struct Outcome {
  long commits = 0, refusals = 0;
};
Outcome stop(WriterProcess& writer) {
  Outcome outcome;
  EXPECT_EQ(std::sscanf(writer.stop().c_str(), "%ld %ld", &outcome.commits, &outcome.refusals), 2);
  return outcome;
}

struct LoadCase {
  std::string name, mode, busy_ms;
  engine::sqlite::Cloner clone;
};
void PrintTo(const LoadCase& tested, std::ostream* out) {
  *out << tested.name;
}

class SqliteUnderLoad : public SqliteHold, public testing::WithParamInterface<LoadCase> {};

TEST_P(SqliteUnderLoad, EveryBackupIsAStateThatExisted) {
  WriterProcess writer({SQLITE_WRITER, "write", GetParam().mode, GetParam().busy_ms, "0",
                        path("counter.db"), path("mirror.db")});
  ASSERT_EQ(writer.line(), "ready");
  const std::vector<model::Endpoint> both{endpoint("counter.db"), endpoint("mirror.db")};
  std::int64_t last = -1;
  for (int backup = 0; backup < backups(); ++backup) {
    const auto hold = engine::sqlite::make_hold(both, options(), GetParam().clone);
    bool fenced = false;
    for (int attempt = 0; attempt < 50 && !fenced; ++attempt)
      fenced = hold->fence(SteadyClock::now() + 500ms);
    ASSERT_TRUE(fenced);
    hold->capture();
    hold->unfence();
    std::this_thread::sleep_for(20ms);  // let the writer go far beyond the state that is held
    Connection counter = restored(copy_of(*hold, 0));
    Connection mirror = restored(copy_of(*hold, 1));
    for (std::size_t i = 0; i < 2; ++i) {
      model::DatabaseFacts facts;
      hold->describe(i, facts);
      EXPECT_EQ(facts.tables.size(), 2U);
    }
    hold->release();
    const std::int64_t count = counter.integer("SELECT n FROM counter");
    EXPECT_EQ(count, mirror.integer("SELECT n FROM counter"));
    EXPECT_EQ(count, counter.integer("SELECT coalesce(max(n), 0) FROM log"));
    EXPECT_GT(count, last) << "the writer did not get on between two backups";
    last = count;
  }
  const Outcome outcome = stop(writer);
  EXPECT_GT(outcome.commits, last);
  EXPECT_EQ(outcome.refusals, 0);
}

TEST_P(SqliteUnderLoad, ASingleDatabaseNeedsNoFence) {
  WriterProcess writer(
      {SQLITE_WRITER, "write", GetParam().mode, GetParam().busy_ms, "300", path("counter.db")});
  ASSERT_EQ(writer.line(), "ready");
  const model::Endpoint one = endpoint("counter.db");
  for (int backup = 0; backup < backups(); ++backup) {
    const auto hold = engine::sqlite::make_hold({&one, 1}, options(), GetParam().clone);
    hold->capture();
    Connection counter = restored(copy_of(*hold, 0));
    hold->release();
    EXPECT_EQ(counter.integer("SELECT n FROM counter"),
              counter.integer("SELECT coalesce(max(n), 0) FROM log"));
  }
  EXPECT_EQ(stop(writer).refusals, 0);
}

// WAL: a busy timeout of fence_ms is enough. Rollback journal: one of writer_stall_ms.
INSTANTIATE_TEST_SUITE_P(
    Modes, SqliteUnderLoad,
    testing::Values(LoadCase{"wal", "wal", "500", cannot_clone},
                    LoadCase{"delete", "delete", "1000", cannot_clone},
                    LoadCase{"truncate", "truncate", "1000", cannot_clone},
                    LoadCase{"persist", "persist", "1000", cannot_clone},
                    LoadCase{"delete_cloned", "delete", "1000", clone_by_copying},
                    LoadCase{"wal_and_delete", "wal+delete", "1000", cannot_clone}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(SqliteHold, KeepsTheStateOfAWalThroughCheckpointsAndRestarts) {
  make_items("app.db", "wal");
  const model::Endpoint one = endpoint("app.db");
  const auto hold = engine::sqlite::make_hold({&one, 1}, options(), cannot_clone);
  hold->capture();
  WriterProcess writer({SQLITE_WRITER, "rewrite", path("app.db")});
  ASSERT_EQ(writer.line(), "ready");
  std::this_thread::sleep_for(150ms);
  // Closing any descriptor of the file drops SQLite's locks in this process; the state must be held
  // regardless.
  for (const char* sibling : {"app.db", "app.db-shm", "app.db-wal"}) {
    static_cast<void>(open_file(path(sibling), O_RDONLY));
  }
  EXPECT_EQ(writer.line(), "rewritten");
  EXPECT_GT(stop(writer).commits, 1);
  {
    // Nor does another one get past it, who comes when the last has gone.
    WriterProcess other({SQLITE_WRITER, "rewrite", path("app.db")});
    ASSERT_EQ(other.line(), "ready");
    EXPECT_EQ(other.line(), "rewritten");
  }
  Connection copy = restored(copy_of(*hold, 0));
  EXPECT_EQ(copy.integer("SELECT count(*) FROM items WHERE price = id"), 500);
}

class SqliteAfterACrash : public SqliteHold, public testing::WithParamInterface<bool> {};

TEST_P(SqliteAfterACrash, RecoversAHotJournalInTheCopyOnly) {
  make_items("app.db", "delete");
  model::DatabaseFacts before;
  const engine::Engine& sqlite = *engine::find_engine("sqlite");
  sqlite.describe(endpoint("app.db"), before);
  EXPECT_TRUE(
      WIFSIGNALED(WriterProcess({SQLITE_WRITER, "crash", "delete", path("app.db")}).wait()));
  ASSERT_TRUE(std::filesystem::exists(path("app.db-journal")));
  const std::string database = state_of("app.db");
  const std::string journal = state_of("app.db-journal");

  const engine::Probe probe = sqlite.probe(endpoint("app.db"));
  ASSERT_FALSE(probe.findings.empty());
  EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(), [](const auto& finding) {
    return finding.code == "sqlite-hot-journal";
  }));
  const model::Endpoint one = endpoint("app.db");
  {
    const auto hold = engine::sqlite::make_hold({&one, 1}, options(), cannot_clone);
    const bool fenced = GetParam();
    if (fenced) {
      ASSERT_TRUE(hold->fence(SteadyClock::now() + 500ms));
    }
    hold->capture();
    hold->unfence();
    model::DatabaseFacts copied;
    hold->describe(0, copied);
    ASSERT_EQ(copied.tables.size(), 1U);
    EXPECT_EQ(copied.tables[0].digest, before.tables[0].digest);
    static_cast<void>(restored(copy_of(*hold, 0)));
    hold->release();
  }
  EXPECT_EQ(sqlite.query_one(one, "SELECT count(*) FROM items"), "500");
  EXPECT_EQ(state_of("app.db"), database);
  EXPECT_EQ(state_of("app.db-journal"), journal);
  // The application recovers by itself afterwards.
  Connection application(path("app.db"), Access::read_write);
  EXPECT_EQ(application.integer("SELECT count(*) FROM items"), 500);
  EXPECT_FALSE(std::filesystem::exists(path("app.db-journal")));
}

TEST_P(SqliteAfterACrash, TakesInALeftoverLogAndLeavesItThere) {
  make_items("app.db", "wal");
  EXPECT_TRUE(WIFSIGNALED(WriterProcess({SQLITE_WRITER, "abandon", path("app.db")}).wait()));
  std::filesystem::remove(path("app.db-shm"));  // as after a reboot onto another disk
  const std::string database = state_of("app.db");
  const std::string log = state_of("app.db-wal");
  const engine::Probe probe = engine::find_engine("sqlite")->probe(endpoint("app.db"));
  EXPECT_TRUE(std::any_of(probe.findings.begin(), probe.findings.end(), [](const auto& finding) {
    return finding.code == "sqlite-leftover-wal";
  }));
  const model::Endpoint one = endpoint("app.db");
  {
    const auto hold = engine::sqlite::make_hold({&one, 1}, options(), cannot_clone);
    const bool fenced = GetParam();
    if (fenced) {
      ASSERT_TRUE(hold->fence(SteadyClock::now() + 500ms));
    }
    hold->capture();
    hold->unfence();
    Connection copy = restored(copy_of(*hold, 0));
    EXPECT_EQ(copy.integer("SELECT count(*) FROM items WHERE name = 'only in the log'"), 1);
    hold->release();
  }
  EXPECT_EQ(state_of("app.db"), database);
  EXPECT_EQ(state_of("app.db-wal"), log);
}

INSTANTIATE_TEST_SUITE_P(Fence, SqliteAfterACrash, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "fenced" : "unfenced"; });

// A transaction over two attached databases has happened as soon as its super-journal is gone.
// Killed before that it is in neither copy, killed after it in both; the source is left to the
// application.
TEST_F(SqliteHold, ATransactionOverTwoDatabasesKilledInItsCommitIsInBothCopiesOrInNone) {
  struct {
    const char* dies_before_removing;
    std::int64_t rows;
  } const cases[] = {{"-mj", 500}, {"other.db-journal", 501}};
  for (const auto& [at, rows] : cases) {
    SCOPED_TRACE(at);
    make_items("app.db", "delete");
    make_items("other.db", "delete");
    EXPECT_TRUE(WIFSIGNALED(
        WriterProcess({SQLITE_WRITER, "crash_in_commit", at, path("app.db"), path("other.db")})
            .wait()));
    ASSERT_TRUE(std::filesystem::exists(path("other.db-journal")));
    EXPECT_EQ(std::filesystem::exists(path("app.db-journal")), rows == 500);
    const auto state = [&] {
      std::vector<std::string> files;
      for (const auto& entry : std::filesystem::directory_iterator(home_.path())) {
        const std::string name = entry.path().filename();
        if (!name.starts_with("restored")) files.push_back(name + " " + state_of(name));
      }
      std::sort(files.begin(), files.end());
      return files;
    };
    const std::vector<std::string> before = state();
    EXPECT_EQ(before.size(), rows == 500 ? 5U : 3U) << "two databases, journals, super-journal";
    const std::vector<model::Endpoint> both{endpoint("app.db"), endpoint("other.db")};
    for (const bool fenced : {false, true}) {
      const auto hold = engine::sqlite::make_hold(both, options(), cannot_clone);
      if (fenced) {
        ASSERT_TRUE(hold->fence(SteadyClock::now() + 500ms));
      }
      hold->capture();
      hold->unfence();
      for (std::size_t i = 0; i < 2; ++i) {
        Connection copy = restored(copy_of(*hold, i));
        EXPECT_EQ(copy.integer("SELECT count(*) FROM items"), rows) << both[i].component;
      }
      hold->release();
    }
    EXPECT_EQ(state(), before) << "the source was touched";
    // The application comes to the same.
    WriterProcess({SQLITE_WRITER, "write", "delete", "1000", "0", path("app.db"), path("other.db")})
        .line();
    for (const char* name : {"app.db", "other.db"}) {
      EXPECT_EQ(Connection(path(name), Access::read_only).integer("SELECT count(*) FROM items"),
                rows);
    }
    for (const char* name : {"app.db", "other.db"}) std::filesystem::remove(path(name));
  }
}

TEST_F(SqliteHold, RefusesAStallThatIsTooLongAndLetsWritersGoOn) {
  make_items("app.db", "delete", 60'000);
  make_items("other.db", "delete");
  const std::vector<model::Endpoint> both{endpoint("app.db"), endpoint("other.db")};
  engine::HoldOptions tight = options();
  tight.writer_stall_max = 1ms;
  const auto hold = engine::sqlite::make_hold(both, tight, cannot_clone);
  EXPECT_EQ(code_of([&] {
              hold->capture();
              static_cast<void>(copy_of(*hold, 0));
            }),
            Errc::not_consistent);
  Connection writer(path("app.db"), Access::read_write);
  EXPECT_NO_THROW(writer.run("DELETE FROM items WHERE id = 1"));
  // Without an application there is nobody to be kept waiting.
  tight.stopped = true;
  const auto patient = engine::sqlite::make_hold(both, tight, cannot_clone);
  patient->capture();
  EXPECT_EQ(restored(copy_of(*patient, 0)).integer("SELECT count(*) FROM items"), 59'999);
}

TEST_F(SqliteHold, RefusesOneFileUnderTwoNames) {
  make_items("app.db", "wal");
  std::filesystem::create_symlink(path("app.db"), path("link.db"));
  const std::vector<model::Endpoint> both{endpoint("app.db"), endpoint("link.db")};
  EXPECT_EQ(code_of([&] { static_cast<void>(engine::sqlite::make_hold(both, options())); }),
            Errc::usage);
}

TEST_F(SqliteHold, RefusesWhatIsEncryptedTruncatedOrDamaged) {
  const auto hold = [&](const std::string& name) {
    const model::Endpoint one = endpoint(name);
    const auto held = engine::sqlite::make_hold({&one, 1}, options());
    held->capture();
    model::DatabaseFacts facts;
    held->describe(0, facts);
  };
  Bytes noise(8192);
  fill_random(noise);
  write_file_durably(path("encrypted.db"), noise);
  EXPECT_EQ(code_of([&] { hold("encrypted.db"); }), Errc::corrupt);

  make_items("short.db", "delete");
  std::filesystem::resize_file(path("short.db"), std::filesystem::file_size(path("short.db")) / 2);
  EXPECT_EQ(code_of([&] { hold("short.db"); }), Errc::corrupt);

  make_items("damaged.db", "delete");
  {
    const Fd file = open_file(path("damaged.db"), O_RDWR);
    Bytes rubbish(4096);
    fill_random(rubbish);
    pwrite_all(file.get(), rubbish, 4096 * 10, "damaged.db");
  }
  EXPECT_EQ(code_of([&] { hold("damaged.db"); }), Errc::not_consistent);
  EXPECT_EQ(code_of([&] { hold("absent.db"); }), Errc::not_found);
}

// Runs `body` as a user who may read the test's files but not write them; true if it held.
bool as_a_stranger(const std::function<bool()>& body) {
  std::fflush(nullptr);  // or the child would print it again
  const pid_t child = ::fork();
  if (child == 0) {
    const bool changed = ::getuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
    bool held = false;
    try {
      held = changed && body();
    } catch (const Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(held ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(SqliteHold, ReadsWhatItMayNotWrite) {
  make_items("rollback.db", "delete");
  make_items("closed.db", "wal");
  make_items("left.db", "wal");
  WriterProcess({SQLITE_WRITER, "abandon", path("left.db")}).wait();
  std::filesystem::remove(path("left.db-shm"));
  for (const char* name : {"rollback.db", "closed.db", "left.db", "left.db-wal"})
    ::chmod(path(name).c_str(), 0444);
  ::chmod(home_.path().c_str(), 0555);
  ::chmod(scratch_.path().c_str(), 0777);
  const auto count = [&](const std::string& name) {
    const model::Endpoint one = endpoint(name);
    const engine::Probe probe = engine::find_engine("sqlite")->probe(one);
    if (probe.abilities.fence || model::has_blocker(probe.findings))
      return std::string("probed wrongly");
    const auto hold = engine::sqlite::make_hold({&one, 1}, options());
    if (code_of([&] { static_cast<void>(hold->fence(SteadyClock::now() + 100ms)); }) !=
        Errc::unsupported) {
      return std::string("fenced");
    }
    hold->capture();
    const Bytes bytes = copy_of(*hold, 0);
    const std::string file = (scratch_.path() / name).native();
    write_file_durably(file, bytes);
    return Connection(file, Access::immutable).text("SELECT count(*) FROM items");
  };
  EXPECT_TRUE(as_a_stranger([&] { return count("rollback.db") == "500"; }));
  EXPECT_TRUE(as_a_stranger([&] { return count("closed.db") == "500"; }));
  EXPECT_TRUE(as_a_stranger([&] { return count("left.db") == "501"; }));
  EXPECT_EQ(std::filesystem::exists(path("closed.db-wal")), false);
  ::chmod(home_.path().c_str(), 0755);
}

}  // namespace
}  // namespace holdfast::test

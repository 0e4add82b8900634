// SPDX-License-Identifier: Apache-2.0
// An instance of two SQLite databases is copied while an application commits to both all the time,
// in every journal mode: each copy is a state that existed, and the application is not disturbed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

using namespace std::chrono_literals;

constexpr int fence_ms = 1000;
constexpr int writer_stall_ms = 1500;
// What a busy machine may add to a wait that is not ours.
constexpr int scheduling_slack_ms = 400;

// Counts up in both databases, in one transaction: a counter, its mirror, and a row of history.
class Writer {
 public:
  Writer(const Shop& shop, int busy_timeout_ms)
      : database_(shop.stock(), busy_timeout_ms),
        thread_([this](std::stop_token stop) { run(stop); }) {
    // The other way round than the instance file names them, so that locks could cross.
    database_.run("pragma synchronous=normal; attach '" + shop.orders().string() + "' as other");
    ready_ = true;
  }
  ~Writer() { stop(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void stop() {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
  }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  [[nodiscard]] std::uint64_t refusals() const { return refusals_; }
  // Of all transactions, the one that took longest.
  [[nodiscard]] std::chrono::milliseconds longest() const { return longest_; }

 private:
  void run(const std::stop_token& stop) {
    while (!ready_) std::this_thread::sleep_for(1ms);
    while (!stop.stop_requested()) {
      const auto begun = std::chrono::steady_clock::now();
      const bool done = database_.try_transaction(
          "update main.counter set n = n + 1; update other.counter set n = n + 1;"
          "update main.mirror set n = n + 1; update other.mirror set n = n + 1;"
          "insert into main.history select n, randomblob(200) from main.counter;"
          "insert into other.history select n, randomblob(200) from other.counter");
      ++(done ? commits_ : refusals_);
      longest_ = std::max(longest_.load(), std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now() - begun));
      std::this_thread::sleep_for(2ms);
    }
  }

  SqliteFile database_;
  std::atomic<bool> ready_ = false;
  std::atomic<std::uint64_t> commits_ = 0, refusals_ = 0;
  std::atomic<std::chrono::milliseconds> longest_{};
  std::jthread thread_;
};

class Load : public testing::TestWithParam<const char*> {
 protected:
  void prepare(const std::filesystem::path& database) {
    run_sql(database, fmt::format("pragma journal_mode={}; create table counter (n integer);"
                                  "create table mirror (n integer); insert into counter values (0);"
                                  "insert into mirror values (0);"
                                  "create table history (n integer primary key, noise blob)",
                                  GetParam()));
  }
  // The counter, if the restored databases agree in everything.
  std::uint64_t counted(const std::filesystem::path& home) {
    const std::string counter = sql_value(home / "orders.db", "select n from counter");
    for (const char* name : {"orders.db", "stock.db"}) {
      SqliteFile database(home / name);
      EXPECT_EQ(database.value("pragma integrity_check"), "ok") << name;
      EXPECT_EQ(database.value("select n from counter"), counter) << name;
      EXPECT_EQ(database.value("select n from mirror"), counter) << name;
      EXPECT_EQ(database.value("select count(*) from history"), counter) << name;
    }
    return counter.empty() ? 0 : std::stoull(counter);
  }

  Place place_;
  Shop shop_{place_};
};

TEST_P(Load, CopiesAreStatesThatExistedAndNoWriterIsRefused) {
  prepare(shop_.orders());
  prepare(shop_.stock());
  shop_.write_instance(
      fmt::format("[limits]\nfence_ms = {}\nwriter_stall_ms = {}\n", fence_ms, writer_stall_ms));
  const bool wal = std::string(GetParam()) == "wal";
  Writer writer(shop_, (wal ? fence_ms : writer_stall_ms) + scheduling_slack_ms);
  const int backups = is_soak() ? 50 : 5;
  int fences_too_long = 0;
  for (int i = 0; i < backups; ++i) {
    const std::uint64_t before = writer.commits();
    ASSERT_TRUE(eventually([&] { return writer.commits() > before + 5; }));
    const Outcome outcome = shop_.back_up();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    fences_too_long += outcome.says("fence-too-long") ? 1 : 0;
  }
  writer.stop();
  EXPECT_EQ(writer.refusals(), 0U) << writer.commits() << " commits";
  // For who reads the report; a busy machine decides them as much as we do.
  RecordProperty("commits", static_cast<int>(writer.commits()));
  RecordProperty("longest_transaction_ms", static_cast<int>(writer.longest().count()));
  RecordProperty("fences_too_long", fences_too_long);

  std::uint64_t last = 0;
  const std::vector<std::string> snapshots = shop_.snapshots();
  ASSERT_EQ(snapshots.size(), static_cast<std::size_t>(backups));
  for (const std::string& snapshot : snapshots) {
    const std::filesystem::path home = place_ / ("home-" + snapshot.substr(0, 8));
    const Outcome outcome =
        place_.holdfast({"restore", snapshot, "-I", shop_.write_instance_for(home)});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    const std::uint64_t now = counted(home);
    EXPECT_GT(now, last) << "the writer went on between the backups";
    last = now;
  }
  EXPECT_LE(last, writer.commits());
}

// A single database needs no fence: its writer is not held up at all.
TEST_P(Load, ASingleDatabaseIsCopiedWhileItsWriterGoesOn) {
  prepare(shop_.orders());
  write_text(shop_.instance_path(),
             "name = \"shop\"\n[repository]\nlocation = \"" + place_.repository().string() +
                 "\"\npassword_file = \"" + place_.password_file().string() +
                 "\"\n[[database]]\nname = \"orders\"\nuri = \"sqlite:" + shop_.orders().string() +
                 "\"\n");
  std::atomic<std::uint64_t> commits = 0, refusals = 0;
  {
    SqliteFile database(shop_.orders(), writer_stall_ms + scheduling_slack_ms);
    std::jthread writer([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const bool done = database.try_transaction(
            "update counter set n = n + 1; update mirror set n = n + 1;"
            "insert into history select n, randomblob(200) from counter");
        ++(done ? commits : refusals);
        std::this_thread::sleep_for(2ms);
      }
    });
    ASSERT_TRUE(eventually([&] { return commits > 5; }));
    const Outcome outcome = shop_.back_up();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  }
  EXPECT_EQ(refusals, 0U) << commits << " commits";
  const std::filesystem::path home = place_ / "new";
  write_text(place_ / "new.toml",
             "name = \"shop\"\n[repository]\nlocation = \"" + place_.repository().string() +
                 "\"\npassword_file = \"" + place_.password_file().string() +
                 "\"\n[[database]]\nname = \"orders\"\nuri = \"sqlite:" + home.string() +
                 "/orders.db\"\n");
  const Outcome outcome =
      place_.holdfast({"restore", "latest", "-I", (place_ / "new.toml").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  SqliteFile restored(home / "orders.db");
  EXPECT_EQ(restored.value("pragma integrity_check"), "ok");
  EXPECT_EQ(restored.value("select n from counter"), restored.value("select n from mirror"));
  EXPECT_EQ(restored.value("select n from counter"),
            restored.value("select count(*) from history"));
}

INSTANTIATE_TEST_SUITE_P(JournalModes, Load,
                         testing::Values("wal", "delete", "truncate", "persist"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// An instance comes back: to a new home, over an old one that is kept, in parts, from plain files,
// and without Holdfast. An interrupted restore leaves what was there.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>

#include "harness/listing.h"
#include "harness/program.h"
#include "harness/shop.h"
#include "harness/sqlite_file.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// All rows of a database as one text.
std::string dump_of(Place& place, const fs::path& database) {
  const Outcome outcome = place.run({"sqlite3", database.string(), ".dump"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  return outcome.output;
}

// Entries of a directory whose names begin so.
std::vector<fs::path> beginning(const fs::path& directory, const std::string& front) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(front)) found.push_back(entry.path());
  }
  return found;
}

class Restore : public testing::Test {
 protected:
  Restore() {
    shop_.write_instance();
    const Outcome outcome = shop_.back_up();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    orders_ = dump_of(place_, shop_.orders());
    stock_ = dump_of(place_, shop_.stock());
    uploads_ = list_directory(shop_.uploads());
  }

  void expect_whole(const fs::path& home) {
    EXPECT_EQ(dump_of(place_, home / "orders.db"), orders_);
    EXPECT_EQ(dump_of(place_, home / "stock.db"), stock_);
    EXPECT_EQ(difference(uploads_, list_directory(home / "uploads")), "");
  }
  // What happened to the shop after the backup.
  void go_on_with_databases() {
    run_sql(shop_.orders(), "insert into orders (customer, cents) values ('late', 1)");
  }
  void go_on() {
    go_on_with_databases();
    write_text(shop_.uploads() / "late.txt", "late\n");
  }
  Outcome restore(const std::vector<std::string>& more, const RunOptions& options = {}) {
    std::vector<std::string> words = {"restore", "latest"};
    words.insert(words.end(), more.begin(), more.end());
    return place_.holdfast(words, options);
  }

  Place place_;
  Shop shop_{place_};
  std::string orders_, stock_;
  Listing uploads_;
};

TEST_F(Restore, ToANewHome) {
  const fs::path home = place_ / "new";
  const Outcome outcome = restore({"-I", shop_.write_instance_for(home)});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  expect_whole(home);
}

TEST_F(Restore, OverNothingAsAReplacement) {
  fs::remove_all(shop_.home());
  const Outcome outcome = restore({"-I", shop_.instance_path()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_TRUE(outcome.says("replacement")) << outcome.text();
  expect_whole(shop_.home());
}

TEST_F(Restore, RefusesWhatExists) {
  go_on();
  const std::string now = dump_of(place_, shop_.orders());
  const Listing files = list_directory(shop_.uploads());
  const Outcome outcome = restore({"-I", shop_.instance_path(), "--json"});
  EXPECT_EQ(outcome.exit_code, 20) << outcome.text();
  EXPECT_TRUE(has_finding(outcome, "target-not-empty")) << outcome.text();
  EXPECT_EQ(dump_of(place_, shop_.orders()), now);
  EXPECT_EQ(difference(files, list_directory(shop_.uploads())), "");
}

TEST_F(Restore, KeepsWhatItReplaces) {
  go_on();
  const std::string now = dump_of(place_, shop_.orders());
  const Listing files = list_directory(shop_.uploads());
  const Outcome outcome = restore({"-I", shop_.instance_path(), "--replace"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  expect_whole(shop_.home());
  const auto kept_orders = beginning(shop_.home(), "orders.db_before_");
  ASSERT_EQ(kept_orders.size(), 1U);
  EXPECT_EQ(dump_of(place_, kept_orders.front()), now);
  const auto kept_uploads = beginning(shop_.home(), "uploads_before_");
  ASSERT_EQ(kept_uploads.size(), 1U);
  EXPECT_EQ(difference(files, list_directory(kept_uploads.front())), "");
  EXPECT_TRUE(outcome.says(kept_orders.front().string())) << outcome.text();
  EXPECT_TRUE(outcome.says(kept_uploads.front().string())) << outcome.text();
}

TEST_F(Restore, KeepsADamagedDatabaseThatItReplaces) {
  const std::string good = read_text(shop_.orders());
  std::string bad_root = good;
  for (std::size_t at = 100; at < 200; ++at) bad_root[at] = '\xff';
  for (const std::string& damaged : {good.substr(0, good.size() / 2), bad_root}) {
    write_text(shop_.orders(), damaged);
    const Outcome outcome =
        restore({"-I", shop_.instance_path(), "--component", "orders", "--replace"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_EQ(dump_of(place_, shop_.orders()), orders_);
    const auto kept = beginning(shop_.home(), "orders.db_before_");
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(read_text(kept.front()), damaged);
    fs::remove(kept.front());
  }
}

TEST_F(Restore, OneComponent) {
  const fs::path home = place_ / "new";
  const Outcome outcome = restore({"-I", shop_.write_instance_for(home), "--component", "stock"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(dump_of(place_, home / "stock.db"), stock_);
  EXPECT_FALSE(fs::exists(home / "orders.db"));
  EXPECT_FALSE(fs::exists(home / "uploads"));
}

TEST_F(Restore, AnUnknownComponentIsNamedWithTheKnownOnes) {
  const Outcome outcome =
      restore({"-I", shop_.write_instance_for(place_ / "new"), "--component", "stocks"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_TRUE(outcome.says("stocks") && outcome.says("orders, stock, uploads")) << outcome.text();
}

TEST_F(Restore, OneTableOfADatabaseThatLivesOn) {
  go_on();
  run_sql(shop_.orders(), "delete from customers");
  const Outcome outcome =
      restore({"-I", shop_.instance_path(), "--table", "customers", "--replace"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(sql_value(shop_.orders(), "select count(*) from customers"), "20");
  EXPECT_EQ(sql_value(shop_.orders(), "select count(*) from orders where customer = 'late'"), "1")
      << "other tables are left alone";
  EXPECT_EQ(sql_value(shop_.orders(), "pragma integrity_check"), "ok");
}

TEST_F(Restore, ExportAndImport) {
  const fs::path exported = place_ / "exported";
  const Outcome out =
      place_.holdfast({"export", "-I", shop_.instance_path(), "--target", exported.string()});
  ASSERT_EQ(out.exit_code, 0) << out.text();
  EXPECT_EQ(dump_of(place_, exported / "databases/orders/data.db"), orders_);
  const Outcome again =
      place_.holdfast({"export", "-I", shop_.instance_path(), "--target", exported.string()});
  EXPECT_EQ(again.exit_code, 1) << again.text();
  EXPECT_TRUE(again.says("not empty")) << again.text();
  const fs::path home = place_ / "imported";
  const Outcome in =
      place_.holdfast({"import", exported.string(), "-I", shop_.write_instance_for(home)});
  ASSERT_EQ(in.exit_code, 0) << in.text();
  expect_whole(home);
}

TEST_F(Restore, ImportsADatabaseFile) {
  const fs::path home = place_ / "imported";
  const Outcome outcome =
      place_.holdfast({"import", shop_.orders().string(), "-I", shop_.write_instance_for(home),
                       "--component", "orders"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(dump_of(place_, home / "orders.db"), orders_);
}

// Runs the commands of RESTORE.md, with the places replaced by others below the test's directory.
TEST_F(Restore, WithoutHoldfast) {
  const fs::path copy = place_ / "by-restic";
  const Outcome restored =
      place_.run({"restic", "--no-cache", "restore", "latest", "--target", copy.string()});
  ASSERT_EQ(restored.exit_code, 0) << restored.text();
  const fs::path instance = copy / "shop";
  std::string script = "set -eu\ncd " + instance.string() + "\n";
  std::istringstream text(read_text(instance / "RESTORE.md"));
  std::size_t commands = 0;
  for (std::string line; std::getline(text, line);) {
    const bool is_command = line.starts_with("    ") && !line.starts_with("    restic ") &&
                            !line.starts_with("    cd ");
    if (!is_command) continue;
    script += line.substr(4) + "\n";
    ++commands;
  }
  EXPECT_GE(commands, 3U) << read_text(instance / "RESTORE.md");
  // The commands name the old places: databases there are moved aside by them, files must be gone.
  fs::remove_all(shop_.uploads());
  go_on_with_databases();
  write_text(place_ / "restore.sh", script);
  const Outcome outcome = place_.run({"sh", (place_ / "restore.sh").string()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text() << script;
  expect_whole(shop_.home());
}

// Killed half-way: the guardian, or else `resume`, puts back what was there.
class InterruptedRestore : public Restore {
 protected:
  // No journal is left, but such as were killed before they began.
  bool nothing_left() {
    if (!fs::exists(place_.state() / "journals")) return true;
    for (const auto& entry : fs::directory_iterator(place_.state() / "journals")) {
      if (!entry.path().filename().string().starts_with(".")) return false;
    }
    return true;
  }
  // The guardian may be at it when `resume` comes; what it has done, a later one tidies up.
  void resume() {
    ASSERT_TRUE(eventually([&] {
      const Outcome resumed = place_.holdfast({"resume"});
      EXPECT_EQ(resumed.exit_code, 0) << resumed.text();
      return resumed.exit_code != 0 || nothing_left();
    }));
  }
  void expect_put_back(const std::string& orders, const Listing& files) {
    resume();
    EXPECT_EQ(dump_of(place_, shop_.orders()), orders);
    EXPECT_EQ(difference(files, list_directory(shop_.uploads())), "");
    for (const char* front : {"orders.db_before_", "uploads_before_", "orders.db.holdfast",
                              "stock.db.holdfast", "uploads.holdfast"}) {
      EXPECT_TRUE(beginning(shop_.home(), front).empty()) << front << "… stays";
    }
  }
};

// At each read of a pack: files are read before they are switched in, databases after that.
TEST_F(InterruptedRestore, AtEveryReadLeavesWhatWasThere) {
  go_on();
  const std::string now = dump_of(place_, shop_.orders());
  const Listing files = list_directory(shop_.uploads());
  for (unsigned at = 1;; at += is_soak() ? 1 : 5) {
    SCOPED_TRACE("killed before read " + std::to_string(at));
    const Outcome outcome = place_.run(
        {HOLDFAST_FAULT_PROGRAM, "restore", "latest", "-I", shop_.instance_path(), "--replace"},
        {.environment = {
             {"HOLDFAST_TEST_FAULT", "kill_before:call=read:file=pack:at=" + std::to_string(at)}}});
    if (outcome.exit_code == 0) {
      EXPECT_GT(at, 4U);
      break;
    }
    ASSERT_EQ(outcome.exit_code, 137) << outcome.text();
    expect_put_back(now, files);
    if (HasFailure()) return;
  }
  expect_whole(shop_.home());
}

// And at moments between: each run is killed a little later than the one before, until one is done.
TEST_F(InterruptedRestore, AtAnyMomentLeavesWhatWasThere) {
  go_on();
  const std::string now = dump_of(place_, shop_.orders());
  const Listing files = list_directory(shop_.uploads());
  unsigned killed = 0;
  for (int delay_ms = 20; delay_ms < 60'000; delay_ms += is_soak() ? 5 : 70) {
    SCOPED_TRACE("killed after " + std::to_string(delay_ms) + " ms");
    Started job = place_.start({"restore", "latest", "-I", shop_.instance_path(), "--replace"});
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(delay_ms);
    while (!job.has_ended() && std::chrono::steady_clock::now() < until) ::usleep(1000);
    job.kill(SIGKILL);
    const int exit_code = job.wait().exit_code;
    if (exit_code == 0) break;
    ++killed;
    ASSERT_EQ(exit_code, 137);
    resume();
    // Killed when all was in its place, and before it could say so: there it stays.
    if (dump_of(place_, shop_.orders()) == orders_) {
      expect_whole(shop_.home());
      break;
    }
    expect_put_back(now, files);
    if (HasFailure()) return;
  }
  EXPECT_GE(killed, 2U);
}

}  // namespace
}  // namespace holdfast::test

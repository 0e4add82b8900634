// SPDX-License-Identifier: Apache-2.0
// `extra_locations`: a backup goes into three repositories from one read of the source; whatever
// happens to one, the others have a copy that restic finds whole.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <random>
#include <string>

#include "harness/program.h"
#include "harness/repository_files.h"
#include "harness/shop.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t large_bytes = 16'000'000;

class SeveralRepositories : public testing::Test {
 protected:
  SeveralRepositories() {
    fs::create_directory(place_ / "pause");
    write_text(place_ / "second.password", "another password\n");
    fs::permissions(place_ / "second.password", fs::perms(0600));
    make_repository(repository(1), "another password");
    // One that restic has made, with chunk parameters of its own like the others.
    const Outcome made = restic(2, {"init"});
    EXPECT_EQ(made.exit_code, 0) << made.text();
    write_noise(1);
    write_script("count", "cat /proc/$PPID/io > " + (place_ / "io").string());
    shop_.write_instance(
        "[hooks]\nafter_backup = [[\"/bin/sh\", \"" + (place_ / "count").string() +
        "\"]]\n\n[[repository.extra_locations]]\nlocation = \"" + repository(1).string() +
        "\"\npassword_file = \"" + (place_ / "second.password").string() +
        "\"\n\n[[repository.extra_locations]]\nlocation = \"" + repository(2).string() + "\"\n");
  }

  [[nodiscard]] fs::path repository(std::size_t number) const {
    return number == 0 ? place_.repository() : place_ / ("repository" + std::to_string(number));
  }
  [[nodiscard]] fs::path password_file(std::size_t number) const {
    return number == 1 ? place_ / "second.password" : place_.password_file();
  }
  void write_script(const std::string& name, const std::string& lines) const {
    write_text(place_ / name, lines + "\n");
  }
  void write_noise(std::uint64_t seed) const {
    std::mt19937_64 random(seed);
    std::string noise(large_bytes, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    write_text(shop_.uploads() / "large", noise);
  }
  Outcome restic(std::size_t number, const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"restic",
                                     "--no-cache",
                                     "-r",
                                     repository(number).string(),
                                     "--password-file",
                                     password_file(number).string()};
    argv.insert(argv.end(), words.begin(), words.end());
    return place_.run(argv);
  }
  [[nodiscard]] std::size_t snapshots(std::size_t number) {
    return restic(number, {"snapshots", "--json"}).array().size();
  }

  // restic finds nothing wrong, and both programs restore what the source has.
  void expect_whole(std::size_t number) {
    SCOPED_TRACE(repository(number));
    const Outcome check = restic(number, {"check", "--read-data"});
    EXPECT_EQ(check.exit_code, 0) << check.text();
    const fs::path by_restic = place_ / "by-restic";
    const Outcome restored = restic(number, {"restore", "latest", "--target", by_restic.string()});
    EXPECT_EQ(restored.exit_code, 0) << restored.text();
    const std::string found = (by_restic / "shop/files/uploads").string();
    const Outcome same = place_.run({"diff", "-r", "--no-dereference",
                                     found + shop_.uploads().string(), shop_.uploads().string()});
    EXPECT_EQ(same.exit_code, 0) << same.text().substr(0, 2000);
    fs::remove_all(by_restic);
    const fs::path home = place_ / "again";
    fs::create_directory(home);
    // Its password is the one that the instance file gives it.
    std::string file = read_text(shop_.instance_path());
    for (std::size_t at; (at = file.find(shop_.home().string() + "/")) != std::string::npos;)
      file.replace(at, shop_.home().string().size(), home.string());
    write_text(place_ / "again.toml", file);
    const Outcome ours =
        place_.holdfast({"restore", "latest", "-I", (place_ / "again.toml").string(), "--repo",
                         repository(number).string()});
    EXPECT_EQ(ours.exit_code, 0) << ours.text();
    EXPECT_EQ(read_text(home / "uploads/large"), read_text(shop_.uploads() / "large"));
    fs::remove_all(home);
  }

  Started begin_paused() {
    RunOptions options;
    options.environment = {{"HOLDFAST_TEST_PAUSE", "put:pack:" + (place_ / "pause").string()}};
    write_text(place_ / "pause/armed", "");
    Started run =
        place_.start({"backup", "-I", shop_.instance_path(), "--pack-size=4", "--json"}, options);
    EXPECT_TRUE(eventually([&] { return fs::exists(place_ / "pause/paused"); }));
    return run;
  }
  void go_on() { write_text(place_ / "pause/go", ""); }

  Place place_{HOLDFAST_FAULT_PROGRAM};
  Shop shop_{place_};
};

TEST_F(SeveralRepositories, HaveACopyEachFromOneRead) {
  const Outcome ready = place_.holdfast({"preflight", "-I", shop_.instance_path()});
  EXPECT_EQ(ready.exit_code, 0) << ready.text();
  const Outcome first = shop_.back_up({"--json"});
  ASSERT_EQ(first.exit_code, 0) << first.text();
  unsigned long long read = 0;
  const std::string io = read_text(place_ / "io");
  ASSERT_EQ(std::sscanf(io.c_str(), "rchar: %llu", &read), 1) << io;
  EXPECT_GE(read, large_bytes);
  EXPECT_LT(read, large_bytes + large_bytes / 3) << "the source is read once for all three";
  const Json summary = first.lines().back();
  ASSERT_EQ(summary.at("repositories").as_array().size(), 3U) << summary.dump();
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& one = summary.at("repositories").as_array()[i];
    EXPECT_EQ(one.at("location").as_string(), repository(i).string());
    EXPECT_EQ(one.find("error"), nullptr);
    EXPECT_GE(one.at("data_added").as_uint(), large_bytes);
    EXPECT_EQ(snapshots(i), 1U);
    expect_whole(i);
  }
  EXPECT_EQ(summary.at("snapshot_id").as_string(),
            summary.at("repositories").as_array()[0].at("snapshot_id").as_string());

  // Nothing has changed: nothing is read again.
  const Outcome second = shop_.back_up();
  EXPECT_EQ(second.exit_code, 0) << second.text();
  ASSERT_EQ(std::sscanf(read_text(place_ / "io").c_str(), "rchar: %llu", &read), 1);
  EXPECT_LT(read, large_bytes / 3);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_TRUE(second.says(repository(i).string() + ": snapshot"));

  // Other verbs act on the one that is named; so does a backup.
  const std::string extra = repository(1).string();
  const Outcome one = shop_.back_up({"--repo", extra});
  EXPECT_EQ(one.exit_code, 0) << one.text();
  EXPECT_EQ(snapshots(0), 2U);
  EXPECT_EQ(snapshots(1), 3U);
  const Outcome forgotten = place_.holdfast(
      {"forget", "-I", shop_.instance_path(), "--repo", extra, "--keep-last=1", "--prune"});
  EXPECT_EQ(forgotten.exit_code, 0) << forgotten.text();
  EXPECT_EQ(snapshots(0), 2U);
  EXPECT_EQ(snapshots(1), 1U);
  expect_whole(1);
}

TEST_F(SeveralRepositories, GoOnWithoutTheOneThatFailsInTheMiddle) {
  for (const std::size_t failing : {0U, 1U}) {
    SCOPED_TRACE(failing);
    write_noise(10 + failing);
    Started run = begin_paused();
    fs::rename(repository(failing) / "data", repository(failing) / "lost");
    go_on();
    const Outcome outcome = run.wait();
    EXPECT_EQ(outcome.exit_code, 3) << outcome.text();
    EXPECT_TRUE(outcome.says(repository(failing).string() + ": ")) << outcome.text();
    fs::rename(repository(failing) / "lost", repository(failing) / "data");
    fs::remove_all(place_ / "pause");
    fs::create_directory(place_ / "pause");
    for (const Json& line : outcome.lines()) {
      if (line.string_or("message_type", "") != "summary") continue;
      for (std::size_t i = 0; i < 3; ++i) {
        const Json& one = line.at("repositories").as_array()[i];
        EXPECT_EQ(one.find("error") != nullptr, i == failing) << one.dump();
        EXPECT_EQ(one.find("snapshot_id") == nullptr, i == failing) << one.dump();
      }
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (i != failing) expect_whole(i);
    }
  }
  EXPECT_EQ(snapshots(0), 1U);
  EXPECT_EQ(snapshots(1), 1U);
  EXPECT_EQ(snapshots(2), 2U);
  // Each is caught up with by the next run.
  const Outcome next = shop_.back_up();
  EXPECT_EQ(next.exit_code, 0) << next.text();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(snapshots(i), 2U);
    expect_whole(i);
  }
}

TEST_F(SeveralRepositories, AreWholeAfterAKilledRun) {
  Started run = begin_paused();
  run.kill(SIGKILL);
  EXPECT_EQ(run.wait().exit_code, 137);
  EXPECT_TRUE(eventually([&] { return place_.guardian() == 0; }));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(snapshots(i), 0U);
  const Outcome next = shop_.back_up();
  EXPECT_EQ(next.exit_code, 0) << next.text();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(snapshots(i), 1U);
    // The killed run's lock is in restic's way until it is removed.
    EXPECT_EQ(restic(i, {"unlock"}).exit_code, 0);
    expect_whole(i);
  }
}

TEST_F(SeveralRepositories, AreNamedWhenAllFail) {
  for (std::size_t i = 0; i < 3; ++i) fs::remove(repository(i) / "config");
  const Outcome outcome = shop_.back_up();
  EXPECT_EQ(outcome.exit_code, 10) << outcome.text();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(outcome.says(repository(i).string() + ": "));
}

}  // namespace
}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
#include "fault/history.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <sstream>

#include "harness/repository_files.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t mib = 1U << 20U;

// Memory where there is such a place: no trial has to outlive a crash, and each syncs and copies
// whole repositories.
fs::path fast_place() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "";
}

}  // namespace

Trial::Trial(const fs::path& directory, const fs::path& repository_template)
    : directory_(directory) {
  fs::create_directories(directory_);
  if (!repository_template.empty()) {
    fs::copy(repository_template, repository(), fs::copy_options::recursive);
  }
  write_text(password_file(), std::string(place_password) + "\n");
  fs::permissions(password_file(), fs::perms(0600));
}

Trial::~Trial() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Variables Trial::variables() const {
  return {{"HOLDFAST_REPOSITORY", repository().string()},
          {"HOLDFAST_PASSWORD_FILE", password_file().string()}};
}

History::History() : trials_directory_("holdfast-trials", fast_place()) {
  place_.environment()["HOLDFAST_TEST_CHEAP_KEYS"] = "1";
  place_.environment()["HOLDFAST_PACK_SIZE"] = "4";
  make_repository(place_.repository(), place_password);
  fs::create_directories(source() / "deep" / "deeper");
  write_text(source() / "deep" / "deeper" / "small", "small\n");
  const auto save = [&] {
    const Outcome outcome = place_.holdfast({"backup", "--json", source().string()});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    ids_.push_back(outcome.lines().back().at("snapshot_id").as_string());
    listings_[ids_.back()] = list_directory(source());
  };
  write_text(source() / "stays", noise(3 * mib, 1));
  write_text(source() / "goes", noise(2 * mib, 2));
  save();
  fs::remove(source() / "goes");
  write_text(source() / "deep" / "comes", noise(3 * mib, 3));
  save();
  write_text(source() / "deep" / "unsaved", noise(5 * mib, 4));
  now_ = list_directory(source());
}

std::unique_ptr<Trial> History::new_trial(const fs::path& repository) {
  return std::make_unique<Trial>(trials_directory_.path() / ("trial-" + std::to_string(++trials_)),
                                 repository);
}

Outcome History::run(const Trial& trial, const std::vector<std::string>& words,
                     const Variables& more) {
  // In the trial's directory, where a verb may leave something.
  RunOptions options{.environment = trial.variables(),
                     .wrapper = {"env", "-C", (trial / ".").string()}};
  for (const auto& [name, value] : more) options.environment[name] = value;
  return place_.holdfast(words, options);
}

std::set<std::string> History::listed(const Trial& trial,
                                      const std::set<std::string>& may_be_gone) {
  const Outcome outcome = run(trial, {"snapshots", "--json", "--no-lock"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  std::set<std::string> found;
  if (outcome.exit_code != 0) return found;
  for (const Json& snapshot : outcome.array()) found.insert(snapshot.at("id").as_string());
  for (const std::string& id : ids_) {
    EXPECT_TRUE(found.contains(id) || may_be_gone.contains(id)) << "snapshot " << id << " is lost";
  }
  return found;
}

void History::expect_listed(const Trial& trial, const std::set<std::string>& may_be_gone) {
  static_cast<void>(listed(trial, may_be_gone));
}

void History::expect_restorable(const Trial& trial, const std::set<std::string>& may_be_gone) {
  for (const std::string& id : listed(trial, may_be_gone)) expect_restores(trial, id);
}

void History::expect_restores(const Trial& trial, const std::string& id) {
  const fs::path target = trial / ("restored-" + id.substr(0, 8));
  const Outcome outcome = run(trial, {"restore", id, "--target", target.string(), "--no-lock"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  // An instance's snapshot has the shop's name and a manifest; it has been compared by its restore.
  const fs::path restored = target / source().relative_path();
  if (fs::exists(restored)) {
    const auto known = listings_.find(id);
    const Listing& expected = known == listings_.end() ? now_ : known->second;
    EXPECT_EQ(difference(expected, list_directory(restored)), "") << "of snapshot " << id;
  } else {
    EXPECT_TRUE(fs::exists(target / "shop" / "holdfast.json")) << "snapshot " << id;
  }
  fs::remove_all(target);
}

void History::expect_sound(const Trial& trial) {
  const Outcome outcome = run(trial, {"check", "--read-data", "--no-lock"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
}

std::vector<std::string> History::record_calls(const Trial& trial,
                                               const std::vector<std::string>& words) {
  const fs::path record = trial / "calls";
  const Outcome outcome = run(trial, words, {{"HOLDFAST_TEST_CALLS", record.string()}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  std::istringstream text(read_text(record));
  std::vector<std::string> calls;
  for (std::string line; std::getline(text, line);) calls.push_back(line);
  return calls;
}

std::vector<std::uint64_t> sample(std::uint64_t count, std::size_t wanted) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 1; number <= count; ++number) numbers.push_back(number);
  if (is_soak() || count <= wanted) return numbers;
  std::set<std::uint64_t> chosen = {1, count};
  std::mt19937 random(20261120);
  while (chosen.size() < wanted) chosen.insert(1 + random() % count);
  return {chosen.begin(), chosen.end()};
}

std::string noise(std::size_t size_bytes, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size_bytes, '\0');
  for (std::size_t at = 0; at < size_bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(text.data() + at, &word, std::min(sizeof word, size_bytes - at));
  }
  return text;
}

}  // namespace holdfast::test

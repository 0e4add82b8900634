// SPDX-License-Identifier: Apache-2.0
// A repository with a past: two snapshots of a directory that has changed since, kept as a template
// that each trial gets a copy of. What every snapshot holds is known.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "harness/listing.h"
#include "harness/program.h"

namespace holdfast::test {

// Copies that a trial may ruin, each with its own repository and password.
class Trial {
 public:
  Trial(const std::filesystem::path& directory, const std::filesystem::path& repository_template);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  [[nodiscard]] std::filesystem::path repository() const { return directory_ / "repository"; }
  [[nodiscard]] std::filesystem::path password_file() const { return directory_ / "password"; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return directory_ / name;
  }
  // The variables that make a run of the place use this repository.
  [[nodiscard]] Variables variables() const;

 private:
  std::filesystem::path directory_;
};

class History {
 public:
  History();

  [[nodiscard]] Place& place() noexcept { return place_; }
  [[nodiscard]] std::filesystem::path source() const { return place_ / "source"; }
  // Of a state of the source: by snapshot id, oldest first in ids().
  [[nodiscard]] const std::vector<std::string>& ids() const noexcept { return ids_; }
  // A copy of the repository for one trial; of another one; a place where none is yet.
  [[nodiscard]] std::unique_ptr<Trial> new_trial() { return new_trial(place_.repository()); }
  [[nodiscard]] std::unique_ptr<Trial> new_trial(const std::filesystem::path& repository);
  [[nodiscard]] std::unique_ptr<Trial> new_empty_trial() { return new_trial({}); }

  Outcome run(const Trial& trial, const std::vector<std::string>& words,
              const Variables& more = {});

  // These look without a lock, which is quicker and works beside one that was left behind.
  //
  // Known snapshots are listed. What they hold is not looked at: that is for those below.
  void expect_listed(const Trial& trial, const std::set<std::string>& may_be_gone = {});
  // Every snapshot that is there restores whole: known ones as they were saved, others as the
  // source is now. Known ones are there unless they are among `may_be_gone`.
  void expect_restorable(const Trial& trial, const std::set<std::string>& may_be_gone = {});
  // One snapshot restores whole.
  void expect_restores(const Trial& trial, const std::string& id);
  // check --read-data finds nothing wrong.
  void expect_sound(const Trial& trial);

  // Runs it on `trial`, which must succeed, and returns its storage calls, a line each.
  std::vector<std::string> record_calls(const Trial& trial, const std::vector<std::string>& words);

 private:
  std::set<std::string> listed(const Trial& trial, const std::set<std::string>& may_be_gone);

  Place place_{HOLDFAST_FAULT_PROGRAM};
  TemporaryDirectory trials_directory_;
  std::vector<std::string> ids_;
  std::map<std::string, Listing> listings_;
  Listing now_;
  unsigned trials_ = 0;
};

// Numbers from 1 to `count`: all in a soak, else `wanted` of them, the first and the last among
// them; the same every time.
[[nodiscard]] std::vector<std::uint64_t> sample(std::uint64_t count, std::size_t wanted);

// `size_bytes` that no compression shrinks, the same for the same seed.
[[nodiscard]] std::string noise(std::size_t size_bytes, std::uint32_t seed);

}  // namespace holdfast::test

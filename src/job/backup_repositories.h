// SPDX-License-Identifier: Apache-2.0
// The repositories that a backup of an instance goes to, from opening them to their snapshots. With
// several, one that fails is told, reported and left, wherever it fails; the others go on.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/destinations.h"
#include "job/environment.h"
#include "job/instance_sink.h"
#include "job/instance_steps.h"

namespace holdfast::job {

// What became of one repository.
struct RepositoryOutcome {
  std::string location;                // without passwords
  std::optional<format::Id> snapshot;  // none: it failed
  std::optional<Error> failure;        // why
  format::SnapshotSummary summary;     // of the snapshot
};

class BackupRepositories {
 public:
  // Opens and locks all, and looks for the instance's last snapshot in each. `accesses`: the main
  // one first; of them, those that lead to the same repository count as failed but for the first.
  // If one alone is given, losing its lock requests `stop`; with several that ends it alone. What
  // is passed outlives this. If none is left: the Error of failure(); of one alone, its own.
  // `will_write`: as of load_last_backup(); then each is locked, whatever its access says.
  BackupRepositories(const Environment& environment, const std::vector<RepositoryAccess>& accesses,
                     const std::string& instance, bool will_write, model::Observer& observer,
                     std::stop_source& stop);
  BackupRepositories(const BackupRepositories&) = delete;
  BackupRepositories& operator=(const BackupRepositories&) = delete;

  // Those that could be opened.
  [[nodiscard]] archive::Destinations& destinations() noexcept { return destinations_; }
  // For a sink that writes to them.
  [[nodiscard]] std::vector<RepositorySink::Place> places();
  // The main one's, or what the first that could be opened has.
  [[nodiscard]] const LastBackup& last() const noexcept { return opened_.front().last; }

  // Saves the snapshot wherever nothing has failed: with the tree, the summary and the parent that
  // each has. The sink has finished.
  void save_snapshots(format::SnapshotFile snapshot, const RepositorySink& sink,
                      const model::Manifest& manifest);

  // By access.
  [[nodiscard]] std::vector<RepositoryOutcome> outcomes() const;
  // What a run that ended with `error` failed with: if all of several repositories have failed, an
  // Error that names each, with the code of the first; else `error`.
  [[nodiscard]] Error failure(const Error& error) const;

 private:
  struct One {
    std::size_t access = 0;  // its number
    std::stop_source stop;   // of this one alone, unless it is alone
    std::optional<std::stop_callback<std::function<void()>>> forward;
    OpenedRepository opened;
    LastBackup last;
  };
  void open(One& one, const RepositoryAccess& access, const std::string& instance, bool will_write);
  void refuse_same(const One& one) const;
  void tell(std::size_t access, const Error& failure);

  const Environment& environment_;
  const std::vector<RepositoryAccess>& accesses_;
  model::Observer& observer_;
  std::stop_source& stop_;
  std::vector<RepositoryOutcome> outcomes_;  // by access
  archive::Destinations destinations_;
  std::deque<One> opened_;  // by destination
};

}  // namespace holdfast::job

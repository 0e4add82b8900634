// SPDX-License-Identifier: Apache-2.0
#include "job/application_locks.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "job/restore_plan.h"
#include "job/restored_files.h"
#include "job/target_place.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using engine::embedded::FileLock;
using engine::embedded::LockHolder;

// What is in a lock file that we make; who reads it learns whose it is.
constexpr std::string_view content = "holdfast\n";

// An application takes seconds to end; to ask who has a lock takes microseconds while nobody has.
constexpr std::chrono::milliseconds between_looks{100};

std::vector<std::string> lock_files(const Json& facts) {
  std::vector<std::string> files;
  if (const Json* const list = facts.find("locks")) {
    for (const Json& one : list->as_array()) files.push_back(one.as_string());
  }
  return files;
}

// Of the application that is there, if it is one; what is wrong with it is no matter of a restore.
std::vector<std::string> locks_at(const model::Instance& target) {
  std::error_code failure;
  const model::Profile* const profile = profile::find_profile(target.profile);
  if (profile == nullptr || target.home.empty() || !fs::is_directory(target.home, failure))
    return {};
  try {
    return lock_files(profile->plan(target).facts);
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    return {};
  }
}

void add_locks(const engine::Probe& probe, std::vector<fs::path>& places) {
  if (std::string place = probe.facts.string_or("lock", ""); !place.empty())
    places.emplace_back(std::move(place));
  for (std::string& place : lock_files(probe.facts)) places.emplace_back(std::move(place));
}

}  // namespace

std::vector<fs::path> locks_of(const Survey& survey) {
  std::vector<fs::path> places;
  for (std::string& file : lock_files(survey.profile_facts)) places.emplace_back(std::move(file));
  for (const ProbedDatabase& database : survey.databases) add_locks(database.probe, places);
  return places;
}

std::vector<fs::path> locks_of(const RestorePlan& plan) {
  std::vector<fs::path> places = plan.locks;
  for (const DatabaseTarget& database : plan.databases) add_locks(database.probe, places);
  return places;
}

std::optional<std::string> wait_until_free(const std::vector<fs::path>& places,
                                           std::chrono::steady_clock::time_point deadline,
                                           const std::stop_token& stop) {
  for (auto place = places.begin(); place != places.end();) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    const std::optional<LockHolder> holder = engine::embedded::who_locks(*place);
    if (!holder) {
      ++place;
      continue;
    }
    if (std::chrono::steady_clock::now() >= deadline)
      return fmt::format("{} has {}", display(*holder), place->string());
    std::this_thread::sleep_for(between_looks);
  }
  return std::nullopt;
}

bool is_really_below(const fs::path& place, const fs::path& root) {
  const fs::path real = fs::weakly_canonical(place.parent_path());
  const fs::path real_root = fs::weakly_canonical(root);
  return std::mismatch(real_root.begin(), real_root.end(), real.begin(), real.end()).first ==
         real_root.end();
}

std::vector<fs::path> lock_places(const model::Manifest& manifest, const model::Instance& target,
                                  const RestorePlan& plan) {
  std::vector<fs::path> places;
  const auto add = [&](fs::path place) {
    if (place.empty() || std::find(places.begin(), places.end(), place) != places.end()) return;
    places.push_back(std::move(place));
  };
  const RestoredFiles files(plan);
  for (const std::string& file : lock_files(manifest.profile_facts)) {
    const fs::path place = files.place_of(file);
    for (const FilesTarget& one : plan.files) {
      for (const PathTarget& path : one.paths)
        if (is_really_below(place, path.path)) add(place);
    }
  }
  for (const std::string& file : locks_at(target)) add(file);
  return places;
}

LockFindings find_holders(const std::vector<fs::path>& places, bool is_stopped) {
  LockFindings found;
  for (const fs::path& place : places) {
    try {
      const std::optional<LockHolder> holder = engine::embedded::who_locks(place);
      if (!holder) continue;
      found.is_running = true;
      if (is_stopped) continue;
      found.findings.push_back(finding_of(
          "target-running", model::Severity::blocker, "",
          fmt::format("the application runs: {} has {}", display(*holder), place.string()),
          "it would go on with what it knows of its old state, and write that over the new",
          "Stop it; or let [quiesce] do it, with `stop` and `start`, where [restore] role is "
          "\"replacement\"."));
    } catch (const Error& error) {
      found.findings.push_back(finding_of(
          "target-running-unobservable", model::Severity::blocker, "", error.message(),
          "it cannot be told whether the application runs", "Give this user the right to look."));
    }
  }
  return found;
}

void ApplicationLocks::take(const fs::path& place) {
  std::error_code failure;
  const fs::path directory = place.parent_path();
  if (!fs::is_directory(directory, failure) || fs::is_empty(directory, failure)) return;
  // One that is ours is nobody else's, by whichever links it is reached.
  const bool is_ours = std::any_of(taken_.begin(), taken_.end(), [&](const Taken& one) {
    std::error_code unknown;
    return fs::equivalent(one.lock.path(), place, unknown);
  });
  if (is_ours) return;
  std::optional<FileLock> lock = FileLock::try_take({place, std::string(content)});
  if (!lock) {
    const std::optional<LockHolder> holder = engine::embedded::who_locks(place);
    throw Error(Errc::unavailable,
                fmt::format("the application runs: {} has {}",
                            holder ? display(*holder) : "somebody", place.string()))
        .set_hint("Stop it, and let nobody start it until the restore is done.");
  }
  taken_.push_back({place, std::move(*lock)});
}

void ApplicationLocks::moved(const fs::path& from, const fs::path& to) {
  for (Taken& one : taken_) {
    const fs::path& path = one.lock.path();
    const auto [end, rest] = std::mismatch(from.begin(), from.end(), path.begin(), path.end());
    if (end != from.end()) continue;
    fs::path now = to;
    for (auto part = rest; part != path.end(); ++part) now /= *part;
    one.lock.renamed(std::move(now));
  }
}

void ApplicationLocks::put_back() {
  for (Taken& one : taken_) one.lock.renamed(one.place);
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/holds.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>

namespace holdfast::job {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr unsigned fence_tries = 3;

}  // namespace

Holds::Holds(const Survey& survey, const engine::HoldOptions& options) {
  std::map<std::string, std::vector<std::size_t>> servers;
  for (std::size_t i = 0; i < survey.databases.size(); ++i) {
    const ProbedDatabase& database = survey.databases[i];
    if (database.engine == nullptr || !database.probe.exists) continue;  // accepted as missing
    servers[std::string(database.engine->name()) + " " + database.probe.server].push_back(i);
    ++count_;
  }
  for (const auto& [server, databases] : servers) {
    std::vector<model::Endpoint> endpoints;
    Member member;
    member.databases = databases;
    for (const std::size_t i : databases) {
      endpoints.push_back(survey.databases[i].endpoint);
      member.can_fence = member.can_fence && survey.databases[i].probe.abilities.fence;
    }
    member.hold = survey.databases[databases[0]].engine->hold(endpoints, options);
    members_.push_back(std::move(member));
  }
}

void Holds::capture(const model::LimitSettings& limits, Clock& clock, model::Manifest& manifest,
                    model::Observer& observer) {
  const bool all_can = std::all_of(members_.begin(), members_.end(),
                                   [](const Member& member) { return member.can_fence; });
  bool fenced = false;
  std::chrono::steady_clock::time_point begun;
  for (unsigned attempt = 0; count_ > 1 && all_can && !fenced && attempt < fence_tries; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(Milliseconds(100U << attempt));
    begun = clock.steady();
    fenced = fence_all(begun + Milliseconds(limits.fence_ms));
  }
  for (Member& member : members_) member.hold->capture();
  if (fenced) {
    for (Member& member : members_) member.hold->unfence();
    manifest.fence_held_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<Milliseconds>(clock.steady() - begun).count());
  }
  manifest.fenced = fenced || count_ <= 1;
  if (!manifest.fenced)
    observer.warning(
        "writers could not be fenced: the databases' moments differ; the manifest says by how "
        "much");
}

bool Holds::let_writers_work() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const Member& member) { return member.hold->lets_writers_work(); });
}

bool Holds::fence_all(std::chrono::steady_clock::time_point deadline) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].hold->fence(deadline)) continue;
    for (std::size_t j = 0; j < i; ++j) members_[j].hold->unfence();
    return false;
  }
  return true;
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/holds.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <thread>

namespace holdfast::job {
namespace {

using Milliseconds = std::chrono::milliseconds;

// Shares of limits.fence_ms, one for each try. With several servers short ones come first: an
// application that has a lock on one and waits for ours on another goes on as soon as all is let
// go.
constexpr std::array<double, 3> fence_tries = {1, 1, 1};
constexpr std::array<double, 6> fence_tries_of_several = {0.5, 0.5, 1, 0.5, 0.5, 1};
constexpr Milliseconds pause_first{50}, pause_max{400};

}  // namespace

Holds::Holds(const Survey& survey, const engine::HoldOptions& options) {
  std::map<std::string, std::vector<std::size_t>> servers;
  for (std::size_t i = 0; i < survey.databases.size(); ++i) {
    const ProbedDatabase& database = survey.databases[i];
    if (database.engine == nullptr || !database.probe.exists) continue;  // accepted as missing
    servers[std::string(database.engine->name()) + " " + database.probe.server].push_back(i);
    ++count_;
  }
  engine::HoldOptions hold_options = options;
  hold_options.with_other_servers = servers.size() > 1;
  for (const auto& [server, databases] : servers) {
    std::vector<model::Endpoint> endpoints;
    Member member;
    member.databases = databases;
    for (const std::size_t i : databases) {
      endpoints.push_back(survey.databases[i].endpoint);
      member.can_fence = member.can_fence && survey.databases[i].probe.abilities.fence;
    }
    member.hold = survey.databases[databases[0]].engine->hold(endpoints, hold_options);
    members_.push_back(std::move(member));
  }
}

void Holds::capture(const model::LimitSettings& limits, Clock& clock, model::Manifest& manifest,
                    model::Observer& observer) {
  const bool all_can = std::all_of(members_.begin(), members_.end(),
                                   [](const Member& member) { return member.can_fence; });
  bool fenced = false;
  std::chrono::steady_clock::time_point begun;
  Milliseconds pause{0};
  bool backwards = false;
  const std::span<const double> shares =
      members_.size() > 1 ? std::span<const double>(fence_tries_of_several) : fence_tries;
  for (const double share : shares) {
    if (count_ <= 1 || !all_can || fenced) break;
    std::this_thread::sleep_for(pause);
    pause = pause.count() == 0 ? pause_first : std::min(2 * pause, pause_max);
    begun = clock.steady();
    const auto time = std::chrono::duration<double, std::milli>(limits.fence_ms) * share;
    fenced = fence_all(begun + std::chrono::ceil<Milliseconds>(time), backwards);
    backwards = !backwards;
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

// Whoever has written on one server and waits for another would wait for ever if we have that one
// and wait for the first: the next try goes the other way.
bool Holds::fence_all(std::chrono::steady_clock::time_point deadline, bool backwards) {
  const std::size_t count = members_.size();
  const auto hold = [&](std::size_t i) -> engine::Hold& {
    return *members_[backwards ? count - 1 - i : i].hold;
  };
  for (std::size_t i = 0; i < count; ++i) {
    if (hold(i).fence(deadline)) continue;
    for (std::size_t j = 0; j < i; ++j) hold(j).unfence();
    return false;
  }
  return true;
}

}  // namespace holdfast::job

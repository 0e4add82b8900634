// SPDX-License-Identifier: Apache-2.0
#include "job/holds.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <utility>

namespace holdfast::job {
namespace {

using Milliseconds = std::chrono::milliseconds;

// Shares of limits.fence_ms, one for each try. With several servers short ones come first: an
// application that has a lock on one and waits for ours on another goes on as soon as all is let
// go.
constexpr std::array<double, 3> fence_tries = {1, 1, 1};
constexpr std::array<double, 6> fence_tries_of_several = {0.5, 0.5, 1, 0.5, 0.5, 1};
constexpr Milliseconds pause_first{50}, pause_max{400};

std::uint64_t milliseconds_between(const Timestamp& from, const Timestamp& to) {
  const std::int64_t apart =
      (to.seconds - from.seconds) * 1000 + (to.nanoseconds - from.nanoseconds) / 1'000'000;
  return apart > 0 ? static_cast<std::uint64_t>(apart) : 0;
}

model::Finding warning(std::string code, std::string seen, std::string why, std::string mend) {
  model::Finding finding;
  finding.code = std::move(code);
  finding.severity = model::Severity::warning;
  finding.seen = std::move(seen);
  finding.why = std::move(why);
  finding.mend = std::move(mend);
  finding.mend_class = model::MendClass::manual;
  return finding;
}

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
  hold_options.with_other_servers = servers.size() > 1 && !options.only_outline;
  for (const auto& [server, databases] : servers) {
    std::vector<model::Endpoint> endpoints;
    Member member;
    member.databases = databases;
    for (const std::size_t i : databases) {
      endpoints.push_back(survey.databases[i].endpoint);
      member.can_fence = member.can_fence && survey.databases[i].probe.abilities.fence;
    }
    member.hold = survey.databases[databases[0]].engine->hold(endpoints, hold_options);
    member.is_shut = !member.can_fence && member.hold->keeps_writers_out();
    members_.push_back(std::move(member));
  }
}

void Holds::capture_apart() {
  for (Member& member : members_) member.hold->capture();
}

void Holds::capture(const model::LimitSettings& limits, Clock& clock, model::Manifest& manifest,
                    model::Observer& observer) {
  const bool all_can = std::all_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.can_fence || member.is_shut;
  });
  // Nobody waits for those that are shut.
  for (Member& member : members_)
    if (member.is_shut) member.hold->capture();
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
  for (Member& member : members_)
    if (!member.is_shut) member.hold->capture();
  if (fenced) {
    for (Member& member : members_)
      if (!member.is_shut) member.hold->unfence();
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
  std::vector<engine::Hold*> open;
  for (const Member& member : members_)
    if (!member.is_shut) open.push_back(member.hold.get());
  if (backwards) std::reverse(open.begin(), open.end());
  for (std::size_t i = 0; i < open.size(); ++i) {
    if (open[i]->fence(deadline)) continue;
    for (std::size_t j = 0; j < i; ++j) open[j]->unfence();
    return false;
  }
  return true;
}

std::vector<model::Finding> judge_moments(const model::LimitSettings& limits, std::size_t servers,
                                          model::Manifest& manifest) {
  std::vector<model::Finding> findings;
  // Applications set their busy timeouts by this limit.
  if (manifest.fence_held_ms > limits.fence_ms) {
    findings.push_back(warning(
        "fence-too-long",
        "writers were kept waiting for " + std::to_string(manifest.fence_held_ms) +
            " ms, limits.fence_ms is " + std::to_string(limits.fence_ms),
        "a writer whose patience is the limit may have been refused",
        "Raise limits.fence_ms and the application's busy timeout, or back up when the machine is "
        "less busy."));
  }
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (!manifest.fenced || servers < 2 || facts.engine_facts.string_or("fence", "") != "commits")
      continue;
    findings.push_back(
        warning("fence-of-commits",
                "commits alone were stopped on the server of " + facts.name +
                    ", where transactions that had written may have been open",
                "what an application commits on one server and then on another may have been cut "
                "in between: in one copy, and not in the other",
                "See docs/consistency.md for what keeps a whole fence from being had, raise "
                "limits.fence_ms, or add [quiesce]."));
    findings.back().component = facts.name;
  }
  if (manifest.databases.empty() || manifest.fenced) return findings;
  Timestamp first = manifest.databases[0].moment.earliest;
  Timestamp last = manifest.databases[0].moment.latest;
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (facts.moment.earliest < first) first = facts.moment.earliest;
    if (last < facts.moment.latest) last = facts.moment.latest;
  }
  manifest.moments_apart_ms = milliseconds_between(first, last);
  if (manifest.moments_apart_ms <= limits.moments_apart_ms) return findings;
  findings.push_back(warning(
      "moments-apart",
      "the databases' moments are up to " + std::to_string(manifest.moments_apart_ms) + " ms apart",
      "what was written to two of them together may be in one copy and not in the other",
      manifest.quiesced
          ? "Stop too what else writes than the application that [quiesce] stops, and accept this."
          : "Raise limits.fence_ms so that the fence succeeds, or add [quiesce]."));
  return findings;
}

}  // namespace holdfast::job

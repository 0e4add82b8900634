// SPDX-License-Identifier: Apache-2.0
#include "job/drill_endpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "engine/registry.h"
#include "job/preflight.h"

namespace holdfast::job {
namespace {

// Which server that is; nothing if it cannot be asked.
std::string server_of(const engine::Engine& engine, const model::Endpoint& endpoint,
                      const std::stop_token& stop) {
  try {
    return engine.probe(endpoint, stop).server;
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
    return {};
  }
}

DrillEndpoint look_at(const model::DatabaseSettings& settings, const model::DatabaseFacts& facts,
                      const model::Instance& instance, std::vector<model::Finding>& findings,
                      const std::stop_token& stop) {
  if (settings.engine != facts.engine) {
    throw Error(Errc::usage, fmt::format("it is of engine {}, the copy of engine {}",
                                         settings.engine, facts.engine))
        .set_hint("Correct its uri, or drill a snapshot of that engine.");
  }
  DrillEndpoint found;
  found.settings = &settings;
  found.engine = engine::find_engine(settings.engine);
  if (found.engine == nullptr)
    throw Error(Errc::unsupported, "engine " + settings.engine + " is not in this build");
  found.endpoint = make_endpoint(settings, stop);
  found.engine->check_endpoint(found.endpoint);
  found.load.parallel =
      instance.limits.parallel != 0 ? instance.limits.parallel : cores_available();
  found.notes = found.engine->fit_beside(facts, found.endpoint, found.load, stop);
  for (model::Finding& finding :
       found.engine->check_load(facts, found.endpoint, found.load, stop)) {
    finding.component = settings.name;
    findings.push_back(std::move(finding));
  }
  return found;
}

}  // namespace

std::vector<DrillEndpoint> look_at_drill_endpoints(const Environment& environment,
                                                   const model::Instance& instance,
                                                   const model::Manifest& manifest,
                                                   model::Observer& observer,
                                                   const std::stop_token& stop) {
  std::vector<DrillEndpoint> endpoints;
  std::vector<model::Finding> findings;
  for (const model::DatabaseSettings& settings : instance.drill.endpoints) {
    const auto facts = std::find_if(manifest.databases.begin(), manifest.databases.end(),
                                    [&](const auto& one) { return one.name == settings.name; });
    if (facts == manifest.databases.end()) {
      observer.warning("the snapshot has no database " + settings.name +
                       ", so that nothing is rehearsed at its [[drill.endpoint]]");
      continue;
    }
    endpoints.push_back(in_context("[[drill.endpoint]] of " + settings.name, [&] {
      return look_at(settings, *facts, instance, findings, stop);
    }));
  }
  apply_acceptances(instance, {}, *environment.clock, findings);
  for (const model::Finding& finding : findings) observer.finding(finding);
  refuse_blockers(findings);
  return endpoints;
}

bool is_own_server(const DrillEndpoint& endpoint, const model::Instance& instance,
                   const std::stop_token& stop) {
  const std::string there = server_of(*endpoint.engine, endpoint.endpoint, stop);
  if (there.empty()) return false;
  return std::any_of(
      instance.databases.begin(), instance.databases.end(), [&](const auto& database) {
        if (database.engine != endpoint.settings->engine) return false;
        try {
          return server_of(*endpoint.engine, make_endpoint(database, stop), stop) == there;
        } catch (const Error& error) {  // its password may be lost with it
          if (error.code() == Errc::cancelled) throw;
          return false;
        }
      });
}

}  // namespace holdfast::job

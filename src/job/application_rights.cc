// SPDX-License-Identifier: Apache-2.0
#include "job/application_rights.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/uri.h"
#include "job/preflight.h"

namespace holdfast::job {
namespace {

constexpr std::string_view code_end = "-application-grants";

// Where a restore put what the application uses: a database of this address, or, however it was
// reached, of this name.
const DatabaseTarget* find_restored(const RestorePlan& plan, const model::DatabaseSettings& now) {
  const auto find = [&](const auto& is_it) -> const DatabaseTarget* {
    const auto found = std::find_if(plan.databases.begin(), plan.databases.end(), is_it);
    return found == plan.databases.end() ? nullptr : &*found;
  };
  const auto* const same = find([&](const DatabaseTarget& one) {
    return without_query(one.settings.uri) == without_query(now.uri);
  });
  return same != nullptr
             ? same
             : find([&](const DatabaseTarget& one) { return one.facts.name == now.name; });
}

void look_at(const DatabaseTarget& database, const model::DatabaseSettings& now,
             const std::stop_token& stop, std::vector<model::Finding>& findings) {
  model::Endpoint endpoint = database.endpoint;
  for (const auto& [key, value] : now.options) {
    if (key.starts_with("application_")) endpoint.options[key] = value;
  }
  for (model::Finding& finding : database.engine->probe(endpoint, stop).findings) {
    if (!finding.code.ends_with(code_end)) continue;
    finding.component = database.facts.name;
    findings.push_back(std::move(finding));
  }
}

}  // namespace

std::vector<model::Finding> find_missing_rights(const model::Instance& target,
                                                const RestorePlan& plan,
                                                const std::stop_token& stop) {
  std::vector<model::Finding> findings;
  try {
    for (const model::DatabaseSettings& now : plan_of(target).databases) {
      const DatabaseTarget* const database = find_restored(plan, now);
      if (database == nullptr || database->engine == nullptr ||
          database->settings.engine != now.engine || !now.options.contains("application_user"))
        continue;
      look_at(*database, now, stop, findings);
    }
  } catch (const std::exception& error) {
    log(LogLevel::warn, "the rights of the application were not looked at",
        {{"why", error.what()}});
  }
  return findings;
}

}  // namespace holdfast::job

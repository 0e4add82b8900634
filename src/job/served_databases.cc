// SPDX-License-Identifier: Apache-2.0
#include "job/served_databases.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "engine/registry.h"
#include "job/target_place.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;
using engine::Engine;
using model::Severity;

std::string_view served_engine(const std::string& profile_name) {
  const model::Profile* const profile = profile::find_profile(profile_name);
  return profile == nullptr ? std::string_view() : profile->served_engine();
}

fs::path directory_of(std::string_view engine, const std::string& uri) {
  model::Endpoint endpoint;
  endpoint.engine = engine;
  endpoint.uri = uri;
  return local_path(endpoint);
}

bool is_named(const std::vector<model::DatabaseSettings>& databases, const std::string& name) {
  return std::any_of(databases.begin(), databases.end(),
                     [&](const auto& one) { return one.name == name; });
}

// Whether the file names what was found: its directory, also by a link, or that it is asked of a
// server.
bool is_same(const model::DatabaseSettings& named, std::string_view engine, const fs::path& path) {
  if (named.engine != engine) return false;
  const fs::path place = directory_of(engine, named.uri);
  if (place.empty())
    return named.name == path.filename() &&
           named.uri.substr(named.uri.rfind('/') + 1) == path.filename();
  std::error_code unknown;
  return place == path || fs::weakly_canonical(place, unknown) == path;
}

void add_found(const Engine& engine, const Engine::Installed& installed, model::Plan& plan,
               const std::stop_token& stop) {
  if (installed.databases.empty()) return;
  const std::vector<model::DatabaseSettings> named = plan.databases;
  for (Engine::Discovered& found : engine.discover(installed.databases, stop)) {
    const fs::path path = directory_of(engine.name(), found.endpoint.uri);
    if (std::any_of(named.begin(), named.end(),
                    [&](const auto& one) { return is_same(one, engine.name(), path); }))
      continue;
    model::DatabaseSettings database;
    database.name = path.filename().string();
    if (is_named(named, database.name) ||
        std::any_of(plan.files.begin(), plan.files.end(),
                    [&](const auto& one) { return one.name == database.name; })) {
      plan.findings.push_back(finding_of(
          "database-name-taken", Severity::blocker, database.name,
          fmt::format("{} is there, and the instance file names something else so", path.string()),
          "a component of that name is copied already, and the database would not be",
          fmt::format("Give the other one another name, or name {} in a [[database]].",
                      path.string())));
      continue;
    }
    database.engine = engine.name();
    database.uri = std::move(found.endpoint.uri);
    database.options = installed.options;
    plan.comments.emplace_back(database.name, std::move(found.comment));
    plan.databases.push_back(std::move(database));
  }
}

// Where the target's server keeps its databases, or will: it may not have been started yet.
std::optional<Engine::Installed> find_target(const model::Instance& target) {
  const Engine* const engine = engine::find_engine(served_engine(target.profile));
  if (engine == nullptr || target.home.empty()) return std::nullopt;
  if (auto installed = engine->installed(target.home)) {
    if (installed->databases.empty()) return std::nullopt;
    return installed;
  }
  std::error_code failure;
  if (!fs::is_directory(target.home, failure) || !fs::is_empty(target.home, failure))
    return std::nullopt;
  Engine::Installed fresh;
  fresh.databases = target.home;
  return fresh;
}

}  // namespace

void add_served_databases(const model::Instance& instance, model::Plan& plan) {
  const std::string_view name = served_engine(instance.profile);
  if (name.empty()) return;
  const Engine* const engine = engine::find_engine(name);
  if (engine == nullptr) {
    plan.findings.push_back(finding_of("engine-missing", Severity::blocker, "",
                                       fmt::format("engine \"{}\" is not in this build", name),
                                       "no database would be copied",
                                       "Install a build with this engine."));
    return;
  }
  // All may be elsewhere, each by its own [[database]].
  if (instance.home.empty() && !plan.databases.empty()) return;
  const auto installed =
      instance.home.empty() ? std::nullopt : engine->installed(fs::path(instance.home));
  if (!installed) {
    plan.findings.push_back(finding_of(
        "home-unknown", Severity::blocker, "",
        instance.home.empty()
            ? std::string("`home` is not set")
            : fmt::format("{} has neither a server of {} nor its databases", instance.home, name),
        "which databases there are cannot be told",
        fmt::format("Set `home`; `holdfast discover DIRECTORY` says whether {} is there.", name)));
    return;
  }
  for (const model::Finding& one : installed->findings) plan.findings.push_back(one);
  plan.comments.emplace_back("", installed->comment);
  add_found(*engine, *installed, plan, {});
}

void place_served_databases(const model::Manifest& manifest, model::Instance& target) {
  const auto installed = find_target(target);
  if (!installed) return;
  const std::string_view engine = served_engine(target.profile);
  for (const model::DatabaseFacts& facts : manifest.databases) {
    if (facts.engine != engine || is_named(target.databases, facts.name)) continue;
    const fs::path old_place = directory_of(engine, facts.uri);
    if (old_place.empty()) continue;  // an export of a server: the target says of which
    model::DatabaseSettings settings;
    settings.name = facts.name;
    settings.engine = engine;
    settings.uri =
        fmt::format("{}:{}", engine, (installed->databases / old_place.filename()).string());
    settings.options = installed->options;
    target.databases.push_back(std::move(settings));
  }
}

std::optional<model::Finding> find_databases_beside(const model::Manifest& manifest,
                                                    const model::Instance& target) {
  const auto installed = find_target(target);
  if (!installed) return std::nullopt;
  const Engine* const engine = engine::find_engine(served_engine(target.profile));
  std::string others;
  for (const Engine::Discovered& found : engine->discover(installed->databases)) {
    const fs::path path = directory_of(engine->name(), found.endpoint.uri);
    const bool is_restored =
        std::any_of(manifest.databases.begin(), manifest.databases.end(), [&](const auto& facts) {
          return std::any_of(
              target.databases.begin(), target.databases.end(), [&](const auto& one) {
                return one.name == facts.name && directory_of(one.engine, one.uri) == path;
              });
        });
    if (!is_restored) others += (others.empty() ? "" : ", ") + path.filename().string();
  }
  if (others.empty()) return std::nullopt;
  return finding_of("databases-beside", Severity::warning, "",
                    fmt::format("{} has databases that the copy has not: {}",
                                installed->databases.string(), others),
                    "they stay as they are, but users and all else that is the server's own are "
                    "those of the copy then",
                    "Restore single databases with --component if that is not meant.");
}

std::vector<model::FoundInstance> discover_served(const fs::path& place,
                                                  const std::stop_token& stop) {
  std::vector<model::FoundInstance> all;
  for (const model::Profile* profile : profile::all_profiles()) {
    const Engine* const engine = engine::find_engine(profile->served_engine());
    if (engine == nullptr) continue;
    const auto installed = engine->installed(place);
    if (!installed) continue;
    model::FoundInstance found;
    const std::string last = installed->home.filename().string();
    found.instance.name = last.empty() || last == "data" ? std::string(profile->name()) : last;
    found.instance.profile = profile->name();
    found.instance.home = installed->home.string();
    found.instance.quiesce.when = profile->quiesce_default();
    model::Plan plan;
    add_found(*engine, *installed, plan, stop);
    found.comments = std::move(plan.comments);
    found.databases = std::move(plan.databases);
    std::string about = installed->comment;
    for (const model::Finding& one : installed->findings)
      about += fmt::format("\n{}: {}. {}", one.code, one.seen, one.mend);
    found.comments.emplace_back("", std::move(about));
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/path.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/installation.h"
#include "profile/migration_center/quiet.h"
#include "profile/migration_center/schedulers.h"
#include "profile/migration_center/staged.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile {
namespace {

using migration_center::finding_of;
using migration_center::Installation;
using model::Severity;

// A pattern that matches this path and no other.
std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

bool lies_below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory + "/");
}

// What the installation has, as components; those that the instance file names are as it says.
class Parts {
 public:
  Parts(const model::Instance& instance, const Installation& installation, model::Plan& plan)
      : instance_(instance), plan_(plan) {
    logs_ = log_directories(installation, true);
    for (const std::string& one : instance.migration_center.logs) {
      const std::string path = clean_path(one);
      if (!migration_center::contains(logs_, path)) logs_.push_back(path);
    }
    add("jobserver", installation.jobservers, "programs, configuration and connectors' extras");
    add("webclient", installation.web_clients, "Tomcat with its configuration and certificates");
    add("logs", logs_, "logs of runs, which rows refer to");
    std::vector<std::string> staging;
    for (const std::string& one : instance.migration_center.staging)
      staging.push_back(clean_path(one));
    add("staging", staging, "content that was scanned and is not in the database");
  }

 private:
  void add(const std::string& name, const std::vector<std::string>& paths,
           const std::string& what) {
    const bool is_named =
        std::any_of(instance_.files.begin(), instance_.files.end(),
                    [&](const model::FilesSettings& files) { return files.name == name; });
    if (paths.empty() || is_named) return;
    model::FilesSettings files;
    files.name = name;
    files.paths = paths;
    std::string comment = what + ":";
    for (const std::string& path : paths) {
      comment += "\n" + path;
      if (name == "logs") continue;
      for (const std::string& log : logs_)
        if (lies_below(log, path)) files.exclude.push_back(literal_pattern(log));
      // What Tomcat makes anew.
      if (name == "webclient") {
        files.exclude.push_back(literal_pattern(path + "/work"));
        files.exclude.push_back(literal_pattern(path + "/temp"));
      }
    }
    plan_.comments.emplace_back(name, comment);
    plan_.files.push_back(std::move(files));
  }

  const model::Instance& instance_;
  model::Plan& plan_;
  std::vector<std::string> logs_;
};

void note_what_is_left_out(const model::Instance& instance, model::Plan& plan) {
  const auto has = [&](std::string_view name) {
    return std::any_of(plan.files.begin(), plan.files.end(),
                       [&](const model::FilesSettings& files) { return files.name == name; });
  };
  std::vector<std::string> missing;
  for (const char* name : {"jobserver", "webclient", "staging"})
    if (!has(name)) missing.emplace_back(name);
  if (!missing.empty()) {
    plan.findings.push_back(finding_of(
        "migration-center-files-left-out", Severity::warning, "",
        "no files are copied of: " + migration_center::joined(missing),
        "the database alone is no working instance: configuration, connectors' extras, "
        "certificates and scanned content are not in it",
        "Set `home`, and `staging` and `web_client` in [migration_center], or name [[files]]."));
  }
  if (instance.migration_center.staged.empty()) {
    plan.findings.push_back(
        finding_of("migration-center-staged-unmapped", Severity::note, "",
                   "it is not known which columns name staged files",
                   "whether the copy has the files that its rows name is not looked at",
                   "Name them in [[migration_center.staged]]: table, column, root."));
  }
}

void check_engines(model::Plan& plan) {
  if (plan.databases.empty()) {
    plan.findings.push_back(finding_of(
        "migration-center-database-missing", Severity::blocker, "", "there is no [[database]]",
        "all critical data of migration-center is in its database",
        "Add [[database]] with the uri of its schema, on Oracle or on PostgreSQL."));
  }
  for (const model::DatabaseSettings& database : plan.databases) {
    if (database.engine == "postgresql" || database.engine == "oracle") continue;
    plan.findings.push_back(
        finding_of("migration-center-database-kind", Severity::blocker, database.name,
                   "migration-center has no databases of engine " + database.engine,
                   "whether it rests cannot be told", "Correct `uri`."));
  }
}

void check_home(const model::Instance& instance, const Installation& installation,
                model::Plan& plan) {
  if (instance.home.empty()) return;
  if (!installation.unseen.empty()) {
    plan.findings.push_back(
        finding_of("migration-center-home-unobservable", Severity::blocker, "",
                   "not looked into: " + migration_center::joined(installation.unseen, {}, "; "),
                   "a Jobserver or a WebClient there would be in no copy",
                   "Run as a user who may read it, or set `home` to a directory with less in it."));
  }
  if (installation.jobservers.empty() && installation.web_clients.empty()) {
    plan.findings.push_back(finding_of(
        "migration-center-home-missing", Severity::blocker, "",
        "neither a Jobserver nor a WebClient is at or below " + instance.home,
        "their files would be in no copy",
        "Set `home` to the directory that holds them, or leave it out and accept what cannot be "
        "seen."));
  }
}

// For whoever restores a clone.
Json facts_of(const model::Plan& plan, const Installation& installation) {
  Json databases = Json::array(), places = Json::array();
  for (const model::DatabaseSettings& one : plan.databases)
    databases.push(Json().set("component", one.name).set("engine", one.engine));
  for (const std::string& path : installation.jobservers)
    places.push(Json().set("kind", "Jobserver").set("path", path));
  for (const std::string& path : installation.web_clients)
    places.push(Json().set("kind", "WebClient").set("path", path));
  return Json::object()
      .set("migration_center", std::move(databases))
      .set("installation", std::move(places));
}

// What of a clone's database leads to the original.
void add_addresses(const Json& facts, const std::string& component,
                   std::vector<std::string>& by_hand) {
  bool has_any = false;
  if (const Json* const addresses = facts.find("jobserver_addresses")) {
    for (const Json& one : addresses->as_array()) {
      if (one.at("component").as_string() != component) continue;
      has_any = true;
      by_hand.push_back(fmt::format(
          "{}: {} leads to the original's Jobserver {}: rewrite it before the schedulers "
          "are enabled",
          component, one.at("where").as_string(), one.at("value").as_string()));
    }
  }
  if (has_any) return;
  by_hand.push_back(fmt::format(
      "{}: no address of a Jobserver was found in it: look where the WebClient shows it, and "
      "rewrite it before the schedulers are enabled",
      component));
}

}  // namespace

model::Plan MigrationCenterProfile::plan(const model::Instance& instance) const {
  model::Plan plan;
  plan.databases = instance.databases;
  plan.files = instance.files;
  const Installation installation = migration_center::installation_of(instance);
  check_home(instance, installation, plan);
  plan.facts = facts_of(plan, installation);
  const Parts parts(instance, installation, plan);
  check_engines(plan);
  note_what_is_left_out(instance, plan);
  plan.quiet = migration_center::make_quiet_check(instance, installation);
  if (!instance.migration_center.staged.empty()) {
    std::vector<std::string> places;
    for (const model::FilesSettings& files : plan.files)
      places.insert(places.end(), files.paths.begin(), files.paths.end());
    plan.make_check = [columns = instance.migration_center.staged, places] {
      return migration_center::make_staged_check(columns, places);
    };
  }
  return plan;
}

std::vector<model::FoundInstance> MigrationCenterProfile::discover(const model::PlaceToLook& place,
                                                                   std::stop_token stop) const {
  if (!place.argv.empty()) return {};
  const Installation installation = migration_center::find_installation(place.directory, stop);
  if (installation.jobservers.empty() && installation.web_clients.empty()) return {};
  model::FoundInstance found;
  found.instance.name = "migration-center";
  found.instance.profile = "migration-center";
  found.instance.quiesce.when = model::QuiesceWhen::needed;
  found.instance.home = place.directory;
  model::Plan plan;
  const Parts parts(found.instance, installation, plan);
  found.comments = plan.comments;
  found.files = plan.files;
  std::string about = "A migration-center, found by looking at " + place.directory + ":";
  for (const std::string& one : installation.jobservers) about += "\nJobserver " + one;
  for (const std::string& one : installation.web_clients) about += "\nWebClient " + one;
  for (const std::string& one : installation.unseen) about += "\nNot looked into: " + one;
  about +=
      "\nAdd its database, which no file there is known to name, and where content is staged. Its "
      "port and the place of its logs are not read there either: 9700, log and logs are taken.\n"
      "    [migration_center]\n"
      "    staging = [\"/srv/staging\"]\n"
      "    jobserver_port = 9700\n"
      "    logs = [\"/opt/migration-center/Jobserver/logs\"]\n"
      "    [[database]]\n"
      "    name = \"fmemc\"\n"
      "    uri = \"postgresql://host:5432/fmemc\"\n"
      "    user = \"holdfast\"\n"
      "    password_file = \"/etc/holdfast/fmemc.password\"";
  found.comments.emplace_back("", about);
  return {std::move(found)};
}

model::Adaptation MigrationCenterProfile::adapt(const model::RestoredInstance& restored) const {
  model::Adaptation adaptation;
  for (const auto& database : restored.databases) {
    if (database.uri.empty()) continue;
    for (std::string& line : migration_center::left_by_statements(
             restored.facts, database.component, restored.is_clone))
      adaptation.by_hand.push_back(std::move(line));
    if (restored.is_clone) add_addresses(restored.facts, database.component, adaptation.by_hand);
  }
  const Json* const places = restored.facts.find("installation");
  if (!restored.is_clone || places == nullptr) return adaptation;
  for (const Json& one : places->as_array()) {
    const std::string place = restored.place_of(one.at("path").as_string());
    if (place.empty()) continue;
    adaptation.by_hand.push_back(fmt::format(
        "{}: the {}'s own files name the database and the hosts of the original: rewrite them "
        "before it is started",
        place, one.at("kind").as_string()));
  }
  return adaptation;
}

std::vector<std::string> MigrationCenterProfile::restore_statements(
    const Json& facts, std::string_view component, bool is_clone,
    const model::NameMappings& names) const {
  return migration_center::statements_after_restore(facts, component, is_clone, names);
}

}  // namespace holdfast::profile

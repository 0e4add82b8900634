// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/restored_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "base/json.h"
#include "base/uri.h"
#include "base/xml.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/jdbc_url.h"
#include "profile/magnolia/namespaces.h"
#include "profile/magnolia/node_types.h"
#include "profile/magnolia/row_reader.h"

namespace holdfast::profile::magnolia {
namespace {

using model::Severity;

// As parse_jdbc_url() writes a place: equal places are equal texts. Empty for what Java cannot
// reach.
std::string usual_uri(const std::string& uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string::npos || !uri.substr(colon + 1).starts_with("//"))
    return std::string(without_query(uri));
  if (uri.substr(colon + 3).starts_with('/')) return {};
  return plain_place(uri);
}

class RestoredCheck {
 public:
  RestoredCheck(const model::RestoredInstance& restored, const MagnoliaFacts& found)
      : restored_(restored), found_(found) {}

  std::vector<model::Finding> run() {
    const std::string directory = restored_.facts.string_or("directory", "");
    if (!directory.empty()) compare_place("the web application", directory, found_.directory);
    if (const Json* const list = restored_.facts.find("repositories")) {
      for (const Json& one : list->as_array()) look_at_repository(one);
    }
    return std::move(findings_);
  }

 private:
  void add(std::string code, std::string component, std::string seen) {
    const bool is_told = std::any_of(
        findings_.begin(), findings_.end(),
        [&](const model::Finding& one) { return one.code == code && one.seen == seen; });
    if (is_told) return;
    findings_.push_back(make_finding(
        std::move(code), Severity::blocker, std::move(component), std::move(seen),
        "Jackrabbit makes what it does not find anew, empty, without an error",
        "Correct what leads there: property files, system properties and contexts around the "
        "application that are not of the copy."));
  }

  // Why something could not be told: the first that was wrong with the configuration.
  [[nodiscard]] std::string reason() const {
    for (const model::Finding& finding : found_.findings) {
      if (finding.severity == Severity::blocker && finding.code != "magnolia-link-out")
        return ": " + finding.seen;
    }
    return {};
  }

  void compare_place(const std::string& what, const std::string& old_path, const std::string& now) {
    const std::string place = restored_.place_of(old_path);
    if (place == now) return;
    if (place.empty()) {
      add("magnolia-restored-place", "files", what + " was not restored: " + old_path);
      return;
    }
    add("magnolia-restored-place", "files",
        fmt::format("{} was restored to {}, and the application would use {}", what, place,
                    now.empty() ? "a place that cannot be told" + reason() : now));
  }

  void look_at_repository(const Json& old) {
    const std::string name = old.string_or("name", "");
    const auto now = std::find_if(found_.repositories.begin(), found_.repositories.end(),
                                  [&](const RepositoryFact& one) { return one.name == name; });
    if (now == found_.repositories.end()) {
      add("magnolia-restored-place", "files",
          "the application would not find the repository " + name + reason());
      return;
    }
    compare_place("the home of repository " + name, old.string_or("home", ""), now->home);
    if (const std::string files = old.string_or("file_system", ""); !files.empty()) {
      compare_place("namespaces and node types of " + name, files, now->file_system.path);
      read_registries(files);
    }
    compare_stores(name, old, *now);
    if (const Json* const list = old.find("workspaces")) {
      for (const Json& one : list->as_array()) look_at_workspace(one, *now);
    }
  }

  void compare_stores(const std::string& name, const Json& old, const RepositoryFact& now) {
    const Json* const list = old.find("data_stores");
    if (list == nullptr) return;
    for (const Json& one : list->as_array()) {
      const std::string place = restored_.place_of(one.as_string());
      const auto same = std::find_if(now.data_stores.begin(), now.data_stores.end(),
                                     [&](const StoreFact& store) { return store.path == place; });
      if (same != now.data_stores.end() && !place.empty()) continue;
      std::string paths;
      for (const StoreFact& store : now.data_stores)
        paths += (paths.empty() ? "" : ", ") + store.path;
      compare_place("the data store of " + name, one.as_string(), paths);
    }
  }

  // As Jackrabbit reads them when it starts.
  void read_registries(const std::string& directory) {
    const auto read = [&](const char* file, const auto& parse) {
      const std::string path = directory + file;
      try {
        const auto text = restored_.read(path);
        if (!text) return;  // nor in the copy, with which all files were compared
        parse(*text, restored_.place_of(path));
      } catch (const Error& error) {
        if (error.code() == Errc::cancelled) throw;
        add("magnolia-file-damaged", "files", error.message());
      }
    };
    read("/namespaces/ns_reg.properties", [](const std::string& text, const std::string& place) {
      static_cast<void>(Namespaces::parse(text, place));
    });
    read("/nodetypes/custom_nodetypes.xml", [](const std::string& text, const std::string& place) {
      static_cast<void>(NodeTypes::of(parse_xml(text, place), place));
    });
  }

  void look_at_workspace(const Json& old, const RepositoryFact& repository) {
    const std::string name = old.string_or("name", "");
    const bool is_version = old.bool_or("is_version_store", false);
    const std::string what = is_version ? "the version store" : "workspace " + name;
    const auto found =
        std::find_if(repository.workspaces.begin(), repository.workspaces.end(),
                     [&](const WorkspaceFact& workspace) { return workspace.name == name; });
    if (!is_version && found == repository.workspaces.end()) {
      add("magnolia-restored-place", "files", "the application would not find " + what + reason());
      return;
    }
    const WorkspaceFact& now = is_version ? repository.version : *found;
    compare_place("the configuration of " + what, old.string_or("configuration", ""),
                  now.configuration);
    const std::string component = old.string_or("component", "");
    if (component.empty()) return;
    const auto database = std::find_if(restored_.databases.begin(), restored_.databases.end(),
                                       [&](const auto& one) { return one.component == component; });
    if (database == restored_.databases.end() || database->uri.empty()) return;
    const Connection* const used = found_.connection(now.persistence.connection);
    const std::string expected = usual_uri(database->uri);
    const std::string uri = used == nullptr ? "" : usual_uri(used->uri);
    // What could not be rewritten somebody was told to do. Nobody was, where a file was rewritten
    // and something around the application has the last word.
    const bool is_told = expected.empty() || (!uri.empty() && uri == usual_uri(database->old_uri) &&
                                              restored_.left_databases.contains(component));
    if (uri != expected && !is_told) {
      add("magnolia-restored-database", component,
          fmt::format("{} was restored to {}, and the application would use {}", what,
                      redacted_uri(database->uri),
                      uri.empty() ? "what cannot be told" + reason() : redacted_uri(uri)));
      return;
    }
    const std::string prefix = old.string_or("prefix", "");
    if (ascii_upper(now.persistence.table_prefix) == ascii_upper(prefix)) return;
    add("magnolia-restored-database", component,
        fmt::format("{} is in tables {}*, and the application would use {}*", what, prefix,
                    now.persistence.table_prefix));
  }

  const model::RestoredInstance& restored_;
  const MagnoliaFacts& found_;
  std::vector<model::Finding> findings_;
};

}  // namespace

std::vector<model::Finding> check_restored_instance(const model::RestoredInstance& restored,
                                                    const MagnoliaFacts& found) {
  return RestoredCheck(restored, found).run();
}

}  // namespace holdfast::profile::magnolia

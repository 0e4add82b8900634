// SPDX-License-Identifier: Apache-2.0
#include "profile/instance_references.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace holdfast::profile {
namespace {

// Each stands in for a database of a server, of the same engine; for each only one does.
void check_endpoints(const model::Instance& instance, const ErrorAt& error) {
  std::set<std::string> taken;
  for (const auto& endpoint : instance.drill.endpoints) {
    const std::string title = "[[drill.endpoint]] of \"" + endpoint.name + "\" ";
    const auto found =
        std::find_if(instance.databases.begin(), instance.databases.end(),
                     [&](const auto& database) { return database.name == endpoint.name; });
    if (found == instance.databases.end() && instance.profile != "custom") continue;
    if (found == instance.databases.end())
      throw error("[[drill.endpoint]] names \"" + endpoint.name +
                  "\", which is no database of the instance");
    if (!taken.insert(endpoint.name).second)
      throw error("two [[drill.endpoint]] stand in for \"" + endpoint.name + "\"");
    if (endpoint.engine != found->engine)
      throw error(title + "is of engine " + endpoint.engine + ", the database of " + found->engine);
    if (endpoint.engine == "sqlite") {
      throw error(title + "is a file; only servers are lent for a rehearsal")
          .set_hint("Leave it out: SQLite is rehearsed in `scratch_dir` of [drill].");
    }
  }
}

}  // namespace

void check_references(const model::Instance& instance, const ErrorAt& error) {
  // Other profiles find components that the file does not name.
  const bool knows_all = instance.profile == "custom";
  std::set<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!names.insert(name).second) throw error("two components are named \"" + name + "\"");
  };
  std::vector<std::pair<std::string, std::vector<std::string>>> after;
  for (const auto& database : instance.databases) {
    add(database.name);
    after.emplace_back(database.name, database.after);
  }
  for (const auto& files : instance.files) {
    add(files.name);
    after.emplace_back(files.name, files.after);
  }
  for (const auto& [name, earlier] : after) {
    for (const std::string& other : earlier) {
      if (!names.contains(other) && knows_all) {
        throw error("`after` of \"" + name + "\" names \"" + other + "\", which is no component");
      }
    }
  }
  check_endpoints(instance, error);
  for (const auto& query : instance.drill.queries) {
    if (!names.contains(query.component) && knows_all) {
      throw error("[[drill.query]] names \"" + query.component + "\", which is no component");
    }
  }
  std::set<std::string> placed;
  for (std::size_t placed_before = 0;; placed_before = placed.size()) {
    for (const auto& [name, earlier] : after) {
      if (std::all_of(earlier.begin(), earlier.end(), [&](const auto& other) {
            return placed.contains(other) || !names.contains(other);
          })) {
        placed.insert(name);
      }
    }
    if (placed.size() == names.size()) return;
    if (placed.size() == placed_before) throw error("`after` runs in a circle");
  }
}

}  // namespace holdfast::profile

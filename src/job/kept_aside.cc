// SPDX-License-Identifier: Apache-2.0
#include "job/kept_aside.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "job/restored_files.h"
#include "job/target_place.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// An empty directory is not kept.
bool has_content(const fs::path& path) {
  std::error_code failure;
  return fs::exists(fs::symlink_status(path, failure)) && !fs::is_empty(path, failure);
}

// Whether a server looks into the directory of a place, as it did where the copy was made.
bool is_served(const fs::path& place, const fs::path& source) {
  std::error_code unknown;
  const fs::path directory = place.parent_path();
  return directory.filename() == source.parent_path().filename() ||
         fs::exists(directory.parent_path() / "conf/server.xml", unknown);
}

// Whether it lies in another: what is there when it is switched came with that one, and nothing of
// it is kept.
bool is_inner(const RestorePlan& plan, const fs::path& place) {
  return std::any_of(plan.files.begin(), plan.files.end(), [&](const FilesTarget& set) {
    return std::any_of(set.paths.begin(), set.paths.end(), [&](const PathTarget& other) {
      return other.path != place && is_in(place, other.path);
    });
  });
}

void keep_higher(PathTarget& target, const std::string& component,
                 std::vector<model::Finding>& findings) {
  std::error_code failure;
  const fs::path parent = target.path.parent_path();
  const fs::path above = fs::weakly_canonical(parent, failure).parent_path();
  std::vector<model::Finding> obstacles;
  if (!failure) check_aside(target.path, above, component, obstacles);
  if (!failure && obstacles.empty()) {
    target.aside = above;
  } else if (has_content(target.path)) {
    findings.push_back(finding_of(
        "target-kept-beside", model::Severity::warning, component,
        fmt::format("what is in {} is kept in {}", target.path.string(), parent.string()),
        "the server takes a directory there for one more application, with the same databases",
        "Move it away before the server is started."));
  }
}

}  // namespace

void keep_aside(const model::Manifest& manifest, RestorePlan& plan,
                std::vector<model::Finding>& findings) {
  const Json* const list = manifest.profile_facts.find("deployed");
  if (list == nullptr) return;
  const RestoredFiles files(plan);
  for (const Json& one : list->as_array()) {
    const fs::path place = files.place_of(one.as_string());
    if (!is_served(place, one.as_string()) || is_inner(plan, place)) continue;
    for (FilesTarget& set : plan.files) {
      for (PathTarget& target : set.paths)
        if (target.path == place) keep_higher(target, set.facts.name, findings);
    }
  }
}

}  // namespace holdfast::job

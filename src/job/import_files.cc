// SPDX-License-Identifier: Apache-2.0
#include "job/import_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "engine/registry.h"

namespace holdfast::job {

namespace fs = std::filesystem;

ImportedFile look_at_file(const fs::path& path, const std::stop_token& stop) {
  std::error_code failure;
  if (!fs::exists(path, failure)) throw Error(Errc::not_found, path.string() + " does not exist");
  const bool is_directory = fs::is_directory(path, failure);
  for (const engine::Engine* engine : engine::all_engines()) {
    if (auto inspection = engine->inspect(path, {.deep = true}, stop))
      return {path, engine, std::move(*inspection)};
  }
  if (is_directory) {
    throw Error(Errc::usage,
                path.string() + " is a directory; it cannot be imported together with other things")
        .set_hint("Import one directory, or files alone.");
  }
  throw Error(Errc::unsupported, path.string() + " is of no kind that this build can import")
      .set_hint("`holdfast inspect` says what it knows of a file.");
}

std::vector<const model::DatabaseSettings*> assign_files(
    const std::vector<ImportedFile>& files, const model::Instance& target,
    const std::vector<std::string>& components) {
  std::vector<const model::DatabaseSettings*> assigned;
  std::map<const engine::Engine*, std::size_t> counts, seen;
  for (const ImportedFile& file : files) ++counts[file.engine];
  std::set<std::string> taken;
  for (const ImportedFile& file : files) {
    std::vector<const model::DatabaseSettings*> candidates;
    for (const model::DatabaseSettings& settings : target.databases) {
      const bool wanted = components.empty() || std::find(components.begin(), components.end(),
                                                          settings.name) != components.end();
      if (wanted && settings.engine == file.engine->name()) candidates.push_back(&settings);
    }
    const auto named = std::find_if(candidates.begin(), candidates.end(), [&](const auto* one) {
      return one->name == file.path.stem().string();
    });
    const std::size_t order = seen[file.engine]++;
    const model::DatabaseSettings* chosen = nullptr;
    if (named != candidates.end()) {
      chosen = *named;
    } else if (candidates.size() == counts[file.engine]) {
      chosen = candidates[order];
    }
    if (chosen == nullptr || !taken.insert(chosen->name).second) {
      throw Error(Errc::usage, fmt::format("it cannot be told which database of {} {} belongs to",
                                           target.file, file.path.string()))
          .set_hint(fmt::format("Name the file after the component, give a file for each of its {} "
                                "databases, or choose "
                                "one with --component.",
                                file.engine->name()));
    }
    assigned.push_back(chosen);
  }
  return assigned;
}

bool is_dump(const fs::path& directory, const std::stop_token& stop) {
  const auto engines = engine::all_engines();
  return std::any_of(engines.begin(), engines.end(), [&](const engine::Engine* engine) {
    return engine->inspect(directory, {}, stop).has_value();
  });
}

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/ls.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.h"

namespace holdfast::job {

namespace {

// Whether `path` is `base` or lies below it.
bool is_within(std::string_view path, std::string_view base) {
  if (base == "/") return true;
  return path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
}

std::vector<std::string> cleaned(const std::vector<std::string>& directories) {
  std::vector<std::string> result;
  for (const std::string& directory : directories) {
    if (!directory.starts_with('/')) {
      throw Error(Errc::usage,
                  fmt::format("the path \"{}\" inside the snapshot does not begin with a slash",
                              directory));
    }
    std::string path = std::filesystem::path(directory).lexically_normal().string();
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
    result.push_back(std::move(path));
  }
  return result;
}

}  // namespace

void list_files(const Environment& environment, const RepositoryAccess& access,
                const LsOptions& options,
                const std::function<void(const archive::Snapshot& snapshot)>& begin,
                const std::function<void(const std::string& path, const format::Node& node)>& visit,
                model::Observer& observer, std::stop_source& stop) {
  const std::vector<std::string> directories = cleaned(options.directories);
  const OpenedRepository opened = open_repository(environment, access, LockMode::shared, stop);
  const archive::FoundSnapshot found =
      archive::find_snapshot(*opened.repository, options.snapshot, options.filter);
  opened.repository->load_index(observer);
  const format::Id tree = archive::tree_of(*opened.repository, found);
  std::vector<bool> is_there(directories.size(), false);
  begin(found.snapshot);
  archive::walk_tree(
      *opened.repository, tree,
      [&](const std::string& path, const format::Node& node) {
        const auto any = [&](const auto& test) {
          return directories.empty() || std::any_of(directories.begin(), directories.end(), test);
        };
        const bool inside =
            any([&](const std::string& directory) { return is_within(path, directory); });
        if (inside) {
          for (std::size_t i = 0; i < directories.size(); ++i) {
            if (is_within(path, directories[i])) is_there[i] = true;
          }
          visit(path, node);
          if (options.recursive) return archive::Walk::on;
        }
        const bool leads_there =
            any([&](const std::string& directory) { return is_within(directory, path); });
        return leads_there ? archive::Walk::on : archive::Walk::skip_directory;
      },
      stop.get_token());
  for (std::size_t i = 0; i < directories.size(); ++i) {
    if (!is_there[i] && directories[i] != "/") {
      observer.warning(fmt::format("{} is not in the snapshot", directories[i]));
    }
  }
}

}  // namespace holdfast::job

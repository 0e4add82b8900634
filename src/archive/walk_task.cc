// SPDX-License-Identifier: Apache-2.0
#include "archive/walk_task.h"

#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "repo/tree_place.h"

namespace holdfast::archive {
std::string WalkTask::path(std::string_view name) const {
  std::vector<std::string_view> names;
  if (!name.empty()) names.push_back(name);
  for (const repo::TreePlace* at = place.get(); at != nullptr; at = at->parent.get()) {
    if (!at->name.empty()) names.push_back(at->name);
  }
  std::string path;
  for (auto at = names.rbegin(); at != names.rend(); ++at) {
    path += '/';
    path += *at;
  }
  return path;
}

WalkTask child_task(const WalkTask& above, const std::string& name, const TreePair& trees) {
  if (above.place->depth + 1 >= repo::tree_depth_max) {
    throw Error(Errc::corrupt, fmt::format("directories are nested deeper than {} at {}",
                                           repo::tree_depth_max, above.path().substr(0, 200)));
  }
  WalkTask task;
  task.place = std::make_shared<repo::TreePlace>(above.place, name);
  task.trees = trees;
  return task;
}

void read_entries(repo::Repository& repository, const WalkTask& task, const format::Id& tree,
                  repo::Codec& codec, const std::function<void(format::Node&&)>& visit) {
  const std::string path = task.path().substr(0, 4096);
  in_context("reading directory " + (path.empty() ? "/" : path), [&] {
    Bytes json = repository.load_blob({format::BlobType::tree, tree}, codec);
    format::read_tree_json(format::padded(json), [&](format::Node&& node) {
      if (task.after.empty() || node.name > task.after) visit(std::move(node));
    });
  });
}

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
#include "archive/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "archive/memo.h"
#include "archive/ordered_walk.h"
#include "base/ascii.h"

namespace holdfast::archive {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;

// Folders below which nothing was found, by a key that says all that a search depends on.
using Barren = Memo<Id, bool, format::IdHash>;

// One search through several snapshots.
template <typename Item>
class Search {
 public:
  // `key` of a folder: equal ones give the same.
  Search(repo::Repository& repository, const SearchFailed& failed, std::stop_token stop,
         std::function<Id(const std::string& path, const Id& tree)> key)
      : repository_(repository), failed_(failed), stop_(std::move(stop)), key_(std::move(key)) {}

  // The tree to go into, or none if nothing is to be found there.
  [[nodiscard]] TreePair below(const std::string& path, const Id& tree) const {
    if (barren_.find(key_(path, tree))) return {};
    return {tree, std::nullopt};
  }

  using Look = std::function<void(const WalkTask&, repo::Codec&, WalkLook<Item>&)>;
  using Take = std::function<void(const WalkTask&, const std::string& name, Item&)>;
  // `is_last`: no other snapshot follows.
  void run(const Snapshot& snapshot, bool is_last, const Look& look, const Take& take) {
    std::vector<bool> gave;  // of the folders on the way down, whether anything came of them
    WalkHooks<Item> hooks;
    hooks.look = look;
    hooks.take = [&](const WalkTask& task, const std::string& name, Item& item) {
      gave.back() = true;
      take(task, name, item);
    };
    hooks.failed = [&](const WalkTask&, const Error& error) {
      gave.back() = true;
      failed_(snapshot, error);
    };
    hooks.entered = [&](const WalkTask&) { gave.push_back(false); };
    hooks.left = [&](const WalkTask& task) {
      const bool any = gave.back();
      gave.pop_back();
      if (!any && !is_last) barren_.add(key_(task.path(), *task.trees[0]), true);
      if (any && !gave.empty()) gave.back() = true;
    };
    OrderedWalk<Item>(repository_, std::move(hooks), stop_).run({snapshot.file.tree, std::nullopt});
  }

 private:
  repo::Repository& repository_;
  const SearchFailed& failed_;
  const std::stop_token stop_;
  const std::function<Id(const std::string&, const Id&)> key_;
  Barren barren_;
};

Id path_key(const std::string& path, const Id& tree) {
  return format::id_of(as_bytes(path + '\0' + tree.hex()));
}

bool is_in_time(const NameSearch& search, const Node& node) {
  return !(search.oldest && node.mtime < *search.oldest) &&
         !(search.newest && node.mtime > *search.newest);
}

// What is shown of a node, and no more, since many are kept until it is their turn.
void slim(Node& node) {
  node.content.reset();
  node.extended_attributes.clear();
  node.extended_attributes.shrink_to_fit();
  node.generic_attributes.clear();
  node.kept_json.clear();
  node.kept_json.shrink_to_fit();
}

// The wanted blobs that a file uses, or a folder's tree, as the step of its name.
struct BlobItem {
  BlobType type = BlobType::data;
  std::vector<Id> ids;
};

std::vector<Id> wanted_of(const BlobSearch& search, const std::vector<Id>& content) {
  std::vector<Id> ids;
  for (const Id& id : content) {
    if (search.wants({BlobType::data, id})) ids.push_back(id);
  }
  std::unordered_set<Id, format::IdHash> seen;
  std::erase_if(ids, [&](const Id& id) { return !seen.insert(id).second; });
  return ids;
}

}  // namespace

void find_names(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                const NameSearch& search, const SearchFailed& failed,
                const std::function<void(const Snapshot&, const std::string&, const Node&)>& found,
                std::stop_token stop) {
  Search<Node> through(repository, failed, std::move(stop), path_key);
  const auto look = [&](const WalkTask& task, repo::Codec& codec, WalkLook<Node>& result) {
    const std::string folder = task.path() + '/';
    look_at_entries(repository, task, *task.trees[0], codec, result, [&](Node&& node) {
      const std::string path = folder + node.name;
      TreePair below;
      if (node.type == NodeType::dir && search.patterns.may_match_below(path)) {
        below = through.below(path, *node.subtree);
      }
      const bool is_match = search.patterns.matches(path) && is_in_time(search, node);
      if (!is_match && !has_any(below)) return;
      std::string name = node.name;
      if (!is_match) return result.add(std::move(name), std::nullopt, below);
      slim(node);
      const std::size_t owned = memory_bytes(node) - sizeof(Node);
      result.add(std::move(name), std::move(node), below, owned);
    });
  };
  for (const Snapshot& snapshot : snapshots) {
    const auto take = [&](const WalkTask& task, const std::string& name, Node& node) {
      found(snapshot, task.path(name), node);
    };
    through.run(snapshot, &snapshot == &snapshots.back(), look, take);
  }
}

void BlobSearch::add_prefix(BlobType type, std::string_view prefix) {
  std::string digits = ascii_lower(prefix);
  if (digits.empty() || digits.size() > 64 ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
    Error error(Errc::usage, fmt::format("\"{}\" is no id, nor the front of one", prefix));
    error.set_hint("An id is 64 hex digits; its first eight mostly suffice.");
    throw error;
  }
  if (const auto id = format::parse_id(digits)) {
    exact_.insert({type, *id});
  } else {
    prefixes_.push_back({type, std::move(digits)});
  }
}

bool BlobSearch::wants(const BlobHandle& blob) const {
  if (exact_.contains(blob)) return true;
  if (prefixes_.empty()) return false;
  const std::string hex = blob.id.hex();
  return std::ranges::any_of(prefixes_, [&](const Prefix& prefix) {
    return prefix.type == blob.type && hex.starts_with(prefix.digits);
  });
}

bool BlobSearch::wants_type(BlobType type) const noexcept {
  return std::ranges::any_of(prefixes_, [&](const Prefix& p) { return p.type == type; }) ||
         std::ranges::any_of(exact_, [&](const BlobHandle& blob) { return blob.type == type; });
}

void find_blobs(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                const BlobSearch& search, const SearchFailed& failed,
                const std::function<void(const Snapshot&, const FoundBlob&)>& found,
                std::stop_token stop) {
  const bool wants_data = search.wants_type(BlobType::data);
  Search<BlobItem> through(repository, failed, std::move(stop),
                           [](const std::string&, const Id& tree) { return tree; });
  const auto look = [&](const WalkTask& task, repo::Codec& codec, WalkLook<BlobItem>& result) {
    look_at_entries(repository, task, *task.trees[0], codec, result, [&](Node&& node) {
      BlobItem item;
      TreePair below;
      if (node.type == NodeType::dir) {
        item.type = BlobType::tree;
        if (search.wants({BlobType::tree, *node.subtree})) item.ids = {*node.subtree};
        below = through.below({}, *node.subtree);
      } else if (wants_data && node.type == NodeType::file && node.content) {
        item.ids = wanted_of(search, *node.content);
      }
      const std::size_t owned = item.ids.size() * sizeof(Id);
      if (owned == 0) {
        if (has_any(below)) result.add(std::move(node.name), std::nullopt, below);
        return;
      }
      result.add(std::move(node.name), std::move(item), below, owned);
    });
  };
  for (const Snapshot& snapshot : snapshots) {
    const Id& root = snapshot.file.tree;
    if (search.wants({BlobType::tree, root})) {
      found(snapshot, {{BlobType::tree, root}, "/", std::nullopt});
    }
    const auto take = [&](const WalkTask& task, const std::string& name, BlobItem& item) {
      for (const Id& id : item.ids) {
        const bool is_tree = item.type == BlobType::tree;
        found(snapshot, {{item.type, id},
                         task.path(name),
                         is_tree ? std::nullopt : std::optional<Id>(*task.trees[0])});
      }
    };
    through.run(snapshot, &snapshot == &snapshots.back(), look, take);
  }
}

}  // namespace holdfast::archive

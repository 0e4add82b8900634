// SPDX-License-Identifier: Apache-2.0
#include "archive/tree_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "archive/ordered_walk.h"
#include "repo/used_blobs.h"

namespace holdfast::archive {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;

// An entry that differs.
struct DiffItem {
  std::string modifier;
  NodeType type = NodeType::file;  // what it is, or was if it is no more
  std::optional<Id> blob_unknown;  // one that is in no index
};

// Attributes are a set: they come in the order in which the file system listed them.
bool same_attributes(const Node& a, const Node& b) {
  const auto by_name = [](const Node& node) {
    std::map<std::string_view, ByteView> values;
    for (const format::ExtendedAttribute& attribute : node.extended_attributes) {
      values[attribute.name] = attribute.value ? ByteView(*attribute.value) : ByteView();
    }
    return values;
  };
  if (a.extended_attributes.size() != b.extended_attributes.size()) return false;
  if (a.extended_attributes == b.extended_attributes) return true;
  return std::ranges::equal(by_name(a), by_name(b), [](const auto& one, const auto& other) {
    return one.first == other.first && std::ranges::equal(one.second, other.second);
  });
}

bool same_but_content(const Node& a, const Node& b) {
  return a.type == b.type && a.mode == b.mode && a.mtime == b.mtime && a.atime == b.atime &&
         a.ctime == b.ctime && a.uid == b.uid && a.gid == b.gid && a.user == b.user &&
         a.group == b.group && a.inode == b.inode && a.device_id == b.device_id &&
         a.size_bytes == b.size_bytes && a.links == b.links && a.link_target == b.link_target &&
         a.device == b.device && same_attributes(a, b) &&
         a.generic_attributes == b.generic_attributes && a.subtree == b.subtree &&
         a.error == b.error;
}

// The entries of one tree as far as one look goes.
struct Entries {
  std::vector<Node> nodes;
  std::size_t weight_bytes = 0;
  bool is_cut = false;

  void take(Node&& node) {
    is_cut = is_cut || weight_bytes >= look_bytes_max;
    if (is_cut) return;
    weight_bytes += memory_bytes(node);
    nodes.push_back(std::move(node));
  }
};

class Comparison {
 public:
  Comparison(repo::Repository& repository, bool with_metadata, model::Observer& observer,
             std::stop_token stop)
      : repository_(repository),
        with_metadata_(with_metadata),
        observer_(observer),
        stop_(std::move(stop)),
        needed_{repo::BlobSet(repository.index().blob_number_end()),
                repo::BlobSet(repository.index().blob_number_end())},
        common_(repository.index().blob_number_end()) {}

  TreeDiff run(const Id& before, const Id& after,
               const std::function<void(const TreeChange&)>& changed) {
    note({BlobType::tree, before}, 0);
    note({BlobType::tree, after}, 1);
    WalkHooks<DiffItem> hooks;
    hooks.look = [this](const WalkTask& task, repo::Codec& codec, WalkLook<DiffItem>& look) {
      if (task.trees[0] && task.trees[1]) {
        look_at_both(task, codec, look);
      } else {
        look_at_one(task, codec, look);
      }
    };
    hooks.take = [&](const WalkTask& task, const std::string& name, DiffItem& item) {
      count(task, name, item, changed);
    };
    hooks.failed = [this](const WalkTask&, const Error& error) { warn(error.message()); };
    hooks.left = [this](const WalkTask&) { ++observer_.files_done; };
    OrderedWalk<DiffItem>(repository_, std::move(hooks), stop_).run({before, after});
    count_blobs();
    return std::move(result_);
  }

 private:
  // A blob that the tree before (side 0) or after (1) needs. False if it is in no index.
  bool note(const BlobHandle& blob, std::size_t side) {
    const auto number = repository_.index().blob_number(blob);
    if (number) needed_[side].insert(*number);
    return number.has_value();
  }

  // A data blob that is in no index.
  std::optional<Id> note_blobs(const Node& node, std::size_t side) {
    std::optional<Id> unknown;
    if (node.type == NodeType::dir) {
      note({BlobType::tree, *node.subtree}, side);  // one that is missing is told when it is read
    } else if (node.type == NodeType::file && node.content) {
      for (const Id& id : *node.content) {
        if (!note({BlobType::data, id}, side)) unknown = id;
      }
    }
    return unknown;
  }

  void look_at_one(const WalkTask& task, repo::Codec& codec, WalkLook<DiffItem>& look) {
    const std::size_t side = task.trees[0] ? 0 : 1;
    look_at_entries(repository_, task, *task.trees[side], codec, look,
                    [&](Node&& node) { add_single(std::move(node), side, look); });
  }

  void add_single(Node&& node, std::size_t side, WalkLook<DiffItem>& look) {
    DiffItem item{side == 0 ? "-" : "+", node.type, note_blobs(node, side)};
    TreePair below;
    if (node.type == NodeType::dir) below[side] = node.subtree;
    look.add(std::move(node.name), std::move(item), below);
  }

  void look_at_both(const WalkTask& task, repo::Codec& codec, WalkLook<DiffItem>& look) {
    std::array<Entries, 2> of;
    for (const std::size_t side : {0U, 1U}) {
      read_entries(repository_, task, *task.trees[side], codec,
                   [&](Node&& node) { of[side].take(std::move(node)); });
    }
    // What lies behind the end of a list that was cut is compared in another look.
    for (const Entries& entries : of) {
      if (!entries.is_cut) continue;
      const std::string& last = entries.nodes.back().name;
      if (!look.more_after || last < *look.more_after) look.more_after = last;
    }
    const auto is_left = [&](const Node& node) {
      return look.more_after && node.name > *look.more_after;
    };
    std::vector<Node>&before = of[0].nodes, &after = of[1].nodes;
    std::size_t b = 0, a = 0;
    while ((b < before.size() && !is_left(before[b])) || (a < after.size() && !is_left(after[a]))) {
      if (a == after.size() || (b < before.size() && before[b].name < after[a].name)) {
        add_single(std::move(before[b++]), 0, look);
      } else if (b == before.size() || after[a].name < before[b].name) {
        add_single(std::move(after[a++]), 1, look);
      } else {
        add_pair(before[b++], after[a++], look);
      }
    }
  }

  void add_pair(const Node& before, Node& after, WalkLook<DiffItem>& look) {
    DiffItem item;
    item.type = after.type;
    item.blob_unknown = note_blobs(before, 0);
    if (const auto unknown = note_blobs(after, 1)) item.blob_unknown = unknown;
    if (before.content == after.content) item.blob_unknown.reset();  // it counts on neither side
    if (before.type != after.type) item.modifier += "T";
    const bool are_files = before.type == NodeType::file && after.type == NodeType::file;
    if (are_files && before.content != after.content) {
      item.modifier += same_but_content(before, after) ? "M?" : "M";
    } else if (with_metadata_ &&
               !(before.content == after.content && same_but_content(before, after))) {
      item.modifier += "U";
    }
    TreePair below;
    if (before.type == NodeType::dir && after.type == NodeType::dir) {
      if (before.subtree == after.subtree) {
        add_common(*after.subtree);
      } else {
        below = {before.subtree, after.subtree};
      }
    }
    if (item.modifier.empty() && !has_any(below)) return;
    std::optional<DiffItem> told;
    if (!item.modifier.empty()) told = std::move(item);
    look.add(std::move(after.name), std::move(told), below);
  }

  // A tree that both sides have in the same place.
  void add_common(const Id& tree) {
    const auto number = repository_.index().blob_number({BlobType::tree, tree});
    if (number && !common_.insert(*number)) return;
    const std::lock_guard lock(mutex_);
    common_roots_.push_back(tree);
  }

  void count(const WalkTask& task, const std::string& name, const DiffItem& item,
             const std::function<void(const TreeChange&)>& changed) {
    TreeChange change{task.path(name), item.modifier};
    if (item.type == NodeType::dir) change.path += '/';
    changed(change);
    if (item.blob_unknown) {
      warn(fmt::format("data blob {} of {} is in no index", item.blob_unknown->hex(), change.path));
    }
    if (item.modifier.starts_with('M')) ++result_.changed_files;
    if (item.modifier != "+" && item.modifier != "-") return;
    DiffCounts& counts = item.modifier == "+" ? result_.added : result_.removed;
    if (item.type == NodeType::file) {
      ++counts.files;
    } else if (item.type == NodeType::dir) {
      ++counts.folders;
    } else {
      ++counts.others;
    }
  }

  // Only what no common tree holds either has come or gone; these are walked only if anything else
  // differs.
  void count_blobs() {
    const repo::BlobIndex& index = repository_.index();
    const auto differs = [&](std::uint32_t number) {
      return needed_[0].contains(number) != needed_[1].contains(number);
    };
    bool any = false;
    for (std::uint32_t number = 0; !any && number < index.blob_number_end(); ++number) {
      any = differs(number);
    }
    if (!any) return;
    const repo::BlobSet common = repo::find_used_blobs(
        repository_, common_roots_,
        [this](const repo::TreeProblem& problem) {
          // A missing blob is on both sides and so counts on neither; what lies below a tree that
          // cannot be read might.
          if (problem.kind == repo::TreeProblem::Kind::unreadable) warn(problem.message);
        },
        observer_, stop_);
    repo::for_each_blob(
        index, [&](std::uint32_t number, const BlobHandle& blob, const repo::BlobPlace& place) {
          if (!differs(number) || common.contains(number)) return;
          DiffCounts& counts = needed_[0].contains(number) ? result_.removed : result_.added;
          ++(blob.type == BlobType::data ? counts.data_blobs : counts.tree_blobs);
          counts.blob_bytes += place.plain_bytes();
        });
  }

  void warn(const std::string& message) {
    ++result_.problems;
    observer_.warning(message);
  }

  repo::Repository& repository_;
  const bool with_metadata_;
  model::Observer& observer_;
  const std::stop_token stop_;
  std::array<repo::BlobSet, 2> needed_;  // before and after
  repo::BlobSet common_;                 // trees in common_roots_
  std::mutex mutex_;                     // guards common_roots_
  std::vector<Id> common_roots_;
  TreeDiff result_;
};

}  // namespace

TreeDiff diff_trees(repo::Repository& repository, const Id& before, const Id& after,
                    bool with_metadata, const std::function<void(const TreeChange&)>& changed,
                    model::Observer& observer, std::stop_token stop) {
  return Comparison(repository, with_metadata, observer, std::move(stop))
      .run(before, after, changed);
}

}  // namespace holdfast::archive

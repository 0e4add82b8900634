// SPDX-License-Identifier: Apache-2.0
#include "archive/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "archive/memo.h"
#include "archive/ordered_walk.h"
#include "repo/used_blobs.h"

namespace holdfast::archive {
namespace {

using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;

constexpr std::array<std::string_view, 4> mode_names{"restore-size", "files-by-contents",
                                                     "blobs-per-file", "raw-data"};

// restore_size. A tree without linked files adds the same wherever it is met, so it is walked once.
class RestoreSize {
 public:
  RestoreSize(repo::Repository& repository, model::Observer& observer, std::stop_token stop)
      : repository_(repository), observer_(observer), stop_(std::move(stop)) {}

  void add(const Snapshot& snapshot, Statistics& statistics) {
    std::vector<Sums> levels;  // of the folders on the way down
    std::unordered_set<Inode, InodeHash> seen;
    Sums total;
    WalkHooks<Item> hooks;
    hooks.look = [this](const WalkTask& task, repo::Codec& codec, WalkLook<Item>& look) {
      look_at_entries(repository_, task, *task.trees[0], codec, look,
                      [&](Node&& node) { add_node(std::move(node), look); });
    };
    hooks.take = [&](const WalkTask&, const std::string&, Item& item) {
      // A file without inode is no other's.
      const bool is_new =
          !item.is_linked || item.inode.number == 0 || seen.insert(item.inode).second;
      if (!is_new) item.sums.size_bytes = 0;
      item.sums.has_links = item.is_linked;
      levels.back() += item.sums;
    };
    hooks.entered = [&](const WalkTask&) { levels.emplace_back(); };
    hooks.left = [&](const WalkTask& task) {
      const Sums sums = levels.back();
      levels.pop_back();
      if (!sums.has_links) known_.add(*task.trees[0], sums);
      (levels.empty() ? total : levels.back()) += sums;
      ++observer_.files_done;
    };
    OrderedWalk<Item>(repository_, std::move(hooks), stop_).run({snapshot.file.tree, std::nullopt});
    statistics.files += total.entries;
    statistics.size_bytes += total.size_bytes;
  }

 private:
  struct Sums {
    std::uint64_t entries = 0, size_bytes = 0;
    bool has_links = false;
    Sums& operator+=(const Sums& more) noexcept {
      entries += more.entries;
      size_bytes += more.size_bytes;
      has_links = has_links || more.has_links;
      return *this;
    }
  };
  struct Inode {
    std::uint64_t number = 0, device = 0;
    friend bool operator==(const Inode&, const Inode&) = default;
  };
  struct InodeHash {
    std::size_t operator()(const Inode& inode) const noexcept {
      return static_cast<std::size_t>(inode.number * 0x9e3779b97f4a7c15U ^ inode.device);
    }
  };
  struct Item {
    Sums sums;
    Inode inode;
    bool is_linked = false;
  };

  void add_node(Node&& node, WalkLook<Item>& look) const {
    Item item;
    item.sums = {1, node.size_bytes};
    item.inode = {node.inode, node.device_id};
    item.is_linked = node.links != 1 && node.type != NodeType::dir;
    TreePair below;
    if (node.type == NodeType::dir) {
      if (const auto known = known_.find(*node.subtree)) {
        item.sums += *known;
      } else {
        below[0] = node.subtree;
      }
    }
    look.add(std::move(node.name), item, below);
  }

  repo::Repository& repository_;
  model::Observer& observer_;
  const std::stop_token stop_;
  Memo<Id, Sums, format::IdHash> known_;
};

// files_by_contents and blobs_per_file. A tree whose files were all met adds nothing when it is met
// again.
class Contents {
 public:
  Contents(repo::Repository& repository, bool count_blobs, model::Observer& observer,
           std::stop_token stop)
      : repository_(repository),
        count_blobs_(count_blobs),
        observer_(observer),
        stop_(std::move(stop)),
        single_(repository.index().blob_number_end()) {}

  void add(const Snapshot& snapshot, Statistics& statistics) {
    WalkHooks<Item> hooks;
    hooks.look = [this](const WalkTask& task, repo::Codec& codec, WalkLook<Item>& look) {
      look_at_entries(repository_, task, *task.trees[0], codec, look,
                      [&](Node&& node) { add_node(std::move(node), look); });
    };
    hooks.take = [&](const WalkTask& task, const std::string& name, Item& item) {
      if (!is_new(item)) return;
      if (count_blobs_) return add_blobs(task.path(name), item.content);
      ++statistics.files;
      statistics.size_bytes += item.size_bytes;
    };
    hooks.left = [this](const WalkTask& task) {
      known_.add(*task.trees[0], true);
      ++observer_.files_done;
    };
    OrderedWalk<Item>(repository_, std::move(hooks), stop_).run({snapshot.file.tree, std::nullopt});
  }

  void finish(Statistics& statistics) {
    sort_uses();
    const Use* previous = nullptr;
    for (const Use& use : uses_) {
      if (previous == nullptr || previous->path != use.path) ++statistics.files;
      ++statistics.blobs;
      statistics.size_bytes += use.plain_bytes;
      previous = &use;
    }
  }

 private:
  struct Item {
    std::uint64_t size_bytes = 0;
    std::vector<Id> content;
  };
  // Of a path the first bytes of its hash: that two paths with a blob in common share them happens
  // to nobody.
  struct Use {
    std::uint64_t path = 0;
    std::uint32_t blob_number = 0;
    std::uint32_t plain_bytes = 0;
    friend auto operator<=>(const Use&, const Use&) = default;
  };

  void add_node(Node&& node, WalkLook<Item>& look) const {
    Item item;
    item.size_bytes = node.size_bytes;
    if (node.content) item.content = std::move(*node.content);
    TreePair below;
    if (node.type == NodeType::dir && !known_.find(*node.subtree)) below[0] = node.subtree;
    const std::size_t owned = item.content.capacity() * sizeof(Id);
    look.add(std::move(node.name), std::move(item), below, owned);
  }

  // Whether nothing with this content was met before; everything without content is the same.
  bool is_new(const Item& item) {
    if (item.content.empty()) return !std::exchange(empty_met_, true);
    if (item.content.size() == 1) {
      const auto number = repository_.index().blob_number({BlobType::data, item.content.front()});
      if (number) return single_.insert(*number);
    }
    return several_.insert(format::id_of(std::as_bytes(std::span(item.content)))).second;
  }

  void add_blobs(const std::string& path, const std::vector<Id>& content) {
    const Id path_id = format::id_of(as_bytes(path));
    Use use;
    std::memcpy(&use.path, path_id.bytes.data(), sizeof use.path);
    for (const Id& id : content) {
      const auto blob = repository_.index().numbered({BlobType::data, id});
      if (!blob) {
        throw Error(Errc::corrupt,
                    fmt::format("data blob {} of {} is in no index", id.hex(), path));
      }
      use.blob_number = blob->number;
      use.plain_bytes = static_cast<std::uint32_t>(blob->plain_bytes);
      uses_.push_back(use);
    }
    if (uses_.size() >= sort_at_) {
      sort_uses();
      sort_at_ = std::max(sort_at_, 2 * uses_.size());
    }
  }

  void sort_uses() {
    std::ranges::sort(uses_);
    uses_.erase(std::ranges::unique(uses_).begin(), uses_.end());
  }

  repo::Repository& repository_;
  const bool count_blobs_;
  model::Observer& observer_;
  const std::stop_token stop_;
  Memo<Id, bool, format::IdHash> known_;  // trees whose files were all met
  bool empty_met_ = false;
  repo::BlobSet single_;  // blobs that are the whole content of a file that was met
  std::unordered_set<Id, format::IdHash> several_;  // hashes of other contents
  std::vector<Use> uses_;
  std::size_t sort_at_ = 1U << 16U;
};

Statistics count_raw_data(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                          model::Observer& observer, std::stop_token stop) {
  std::vector<Id> roots;
  for (const Snapshot& snapshot : snapshots) roots.push_back(snapshot.file.tree);
  const repo::BlobSet used = repo::find_used_blobs(
      repository, roots,
      [](const repo::TreeProblem& problem) {
        if (problem.kind == repo::TreeProblem::Kind::inconsistent) return;
        throw Error(Errc::corrupt, fmt::format("{}: {}", problem.path, problem.message));
      },
      observer, std::move(stop));
  Statistics statistics;
  const auto take = [&](std::uint32_t number, const format::BlobHandle&,
                        const repo::BlobPlace& place) {
    if (!used.contains(number)) return;
    const std::uint64_t uncompressed = place.plain_bytes() + format::seal_overhead_bytes;
    ++statistics.blobs;
    statistics.size_bytes += place.size_bytes;
    if (repository.config().version < 2) return;
    statistics.uncompressed_bytes += uncompressed;
    if (place.plain_size_bytes == 0) return;
    statistics.compressed_stored_bytes += place.size_bytes;
    statistics.compressed_plain_bytes += uncompressed;
  };
  repo::for_each_blob(repository.index(), take);
  return statistics;
}

}  // namespace

std::span<const std::string_view> count_mode_names() noexcept {
  return mode_names;
}

CountMode parse_count_mode(std::string_view name) {
  const auto* const found = std::ranges::find(mode_names, name);
  if (found != mode_names.end()) return static_cast<CountMode>(found - mode_names.begin());
  Error error(Errc::usage, fmt::format("unknown way of counting \"{}\"", name));
  error.set_hint(fmt::format("There are {}.", fmt::join(mode_names, ", ")));
  throw error;
}

Statistics count_snapshots(repo::Repository& repository, const std::vector<Snapshot>& snapshots,
                           CountMode mode, model::Observer& observer, std::stop_token stop) {
  Statistics statistics;
  if (mode == CountMode::raw_data) {
    statistics = count_raw_data(repository, snapshots, observer, std::move(stop));
  } else if (mode == CountMode::restore_size) {
    RestoreSize size(repository, observer, std::move(stop));
    for (const Snapshot& snapshot : snapshots) size.add(snapshot, statistics);
  } else {
    Contents contents(repository, mode == CountMode::blobs_per_file, observer, std::move(stop));
    for (const Snapshot& snapshot : snapshots) contents.add(snapshot, statistics);
    if (mode == CountMode::blobs_per_file) contents.finish(statistics);
  }
  statistics.snapshots = snapshots.size();
  return statistics;
}

}  // namespace holdfast::archive

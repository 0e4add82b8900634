// SPDX-License-Identifier: Apache-2.0
// A stack of trees still to be read, shared by all threads. Taken from the top, so that it stays
// about as deep as the trees are.
#include "repo/used_blobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/task_stack.h"
#include "format/tree.h"
#include "repo/damage.h"
#include "repo/parallel.h"
#include "repo/tree_place.h"

namespace holdfast::repo {
namespace {

using format::BlobHandle;
using format::BlobType;
using format::Id;
using format::Node;
using format::NodeType;

std::string path_of(std::shared_ptr<TreePlace> place, std::string_view name = {}) {
  constexpr std::size_t path_bytes_max = 64U
                                         << 10U;  // deeper ones are hostile; their end says enough
  std::vector<std::string> names;
  std::size_t size_bytes = 0;
  if (!name.empty()) names.push_back(format::go_quote(name));
  for (; place && size_bytes < path_bytes_max; place = place->parent) {
    if (!place->name.empty()) names.push_back(format::go_quote(place->name));
    size_bytes += place->name.size() + 1;
  }
  std::string path;
  for (auto at = names.rbegin(); at != names.rend(); ++at) path += "/" + *at;
  return path.empty() ? "/" : path;
}

struct Task {
  Id tree;
  std::shared_ptr<TreePlace> place;
};

class Walk {
 public:
  Walk(Repository& repository, BlobSet& used,
       const std::function<void(const TreeProblem&)>& problem, model::Observer& observer)
      : repository_(repository), problem_(problem), observer_(observer), used_(used) {}

  void add_roots(const std::vector<Id>& roots) {
    const auto top = std::make_shared<TreePlace>();
    std::vector<Task> tasks;
    for (const Id& root : roots) enlist(root, top, tasks);
    stack_.push(std::move(tasks));
  }

  void run(const std::stop_token& crew_stop, const std::stop_token& stop) {
    Codec codec = repository_.codec();
    while (std::optional<Task> task = stack_.pop(crew_stop)) {
      check_stop(stop);
      read(*task, codec);
      stack_.done();
    }
  }

  void wake_all() { stack_.wake_all(); }

 private:
  // Notes a tree for reading if it is seen for the first time.
  void enlist(const Id& tree, std::shared_ptr<TreePlace> place, std::vector<Task>& tasks) {
    const std::optional<std::uint32_t> number =
        repository_.index().blob_number({BlobType::tree, tree});
    if (number) {
      if (used_.insert(*number)) tasks.push_back({tree, std::move(place)});
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (!missing_trees_.insert(tree).second) return;
    }
    report({tree, path_of(place), fmt::format("tree {} is in no index", tree.hex()),
            TreeProblem::Kind::unreadable});
  }

  void read(const Task& task, Codec& codec) {
    std::vector<Task> below;
    try {
      Bytes json = repository_.load_blob({BlobType::tree, task.tree}, codec);
      format::read_tree_json(format::padded(json),
                             [&](Node&& node) { take(task, std::move(node), below); });
    } catch (const Error& error) {  // one damaged tree does not end the walk
      if (!is_damage(error)) throw;
      report({task.tree, path_of(task.place),
              fmt::format("tree {}: {}", task.tree.hex(), error.message()),
              TreeProblem::Kind::unreadable});
    }
    stack_.push(std::move(below));
    observer_.files_done.fetch_add(1, std::memory_order_relaxed);
  }

  void take(const Task& task, Node&& node, std::vector<Task>& below) {
    if (node.type == NodeType::dir && node.subtree) {
      enlist(*node.subtree, std::make_shared<TreePlace>(task.place, std::move(node.name)), below);
    } else if (node.type == NodeType::file) {
      take_file(task, node);
    }
  }

  void take_file(const Task& task, const Node& node) {
    std::uint64_t sum_bytes = 0;
    std::size_t missing = 0;
    Id first_missing;
    if (node.content) {
      for (const Id& id : *node.content) {
        if (const auto blob = repository_.index().numbered({BlobType::data, id})) {
          used_.insert(blob->number);
          sum_bytes += blob->plain_bytes;
        } else if (missing++ == 0) {
          first_missing = id;
        }
      }
    }
    const auto say = [&](std::string message, TreeProblem::Kind kind) {
      report({task.tree, path_of(task.place, node.name), std::move(message), kind});
    };
    if (missing == 1) {
      say(fmt::format("data blob {} is in no index", first_missing.hex()),
          TreeProblem::Kind::blob_missing);
    } else if (missing > 1) {
      say(fmt::format("{} data blobs are in no index, first {}", missing, first_missing.hex()),
          TreeProblem::Kind::blob_missing);
    } else if (!node.content && node.size_bytes != 0) {
      say("the file has no content list", TreeProblem::Kind::inconsistent);
    } else if (sum_bytes != node.size_bytes) {
      say(fmt::format("the file has {} bytes, its blobs have {}", node.size_bytes, sum_bytes),
          TreeProblem::Kind::inconsistent);
    }
  }

  void report(const TreeProblem& problem) {
    const std::lock_guard lock(report_mutex_);
    if (problem_) problem_(problem);
  }

  Repository& repository_;
  const std::function<void(const TreeProblem&)>& problem_;
  model::Observer& observer_;
  BlobSet& used_;
  std::mutex report_mutex_;  // held while problem_ is called

  TaskStack<Task> stack_;
  std::mutex mutex_;  // guards missing_trees_
  std::unordered_set<Id, format::IdHash> missing_trees_;
};

}  // namespace

BlobSet::BlobSet(std::uint32_t blob_number_end)
    : words_((std::size_t{blob_number_end} + 63) / 64) {}

bool BlobSet::insert(std::uint32_t number) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (number % 64);
  const std::atomic_ref word(words_[number / 64]);
  // Most blobs are met again and again; looking first keeps the cache line shared.
  if ((word.load(std::memory_order_relaxed) & bit) != 0) return false;
  return (word.fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
}

bool BlobSet::contains(std::uint32_t number) const noexcept {
  // Others may insert meanwhile; C++20 has no atomic_ref of what is const.
  const std::atomic_ref word(const_cast<std::uint64_t&>(words_[number / 64]));
  return ((word.load(std::memory_order_relaxed) >> (number % 64)) & 1U) != 0;
}

bool BlobSet::intersects(const BlobSet& other) const noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if ((words_[i] & other.words_[i]) != 0) return true;
  }
  return false;
}

void BlobSet::add(const BlobSet& other) noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
}

void BlobSet::remove(const BlobSet& other) noexcept {
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= ~other.words_[i];
}

std::uint64_t BlobSet::count() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t word : words_) sum += static_cast<std::uint64_t>(std::popcount(word));
  return sum;
}

void for_each_blob(
    const BlobIndex& index,
    const std::function<void(std::uint32_t, const BlobHandle&, const BlobPlace&)>& visit) {
  BlobSet visited(index.blob_number_end());
  index.for_each([&](const BlobHandle& blob, const BlobPlace& place, std::uint32_t) {
    const std::optional<std::uint32_t> number = index.blob_number(blob);
    if (number && visited.insert(*number)) visit(*number, blob, place);
  });
}

BlobSet find_used_blobs(Repository& repository, const std::vector<Id>& roots,
                        const std::function<void(const TreeProblem&)>& problem,
                        model::Observer& observer, std::stop_token stop) {
  BlobSet used(repository.index().blob_number_end());
  add_used_blobs(repository, roots, used, problem, observer, std::move(stop));
  return used;
}

void add_used_blobs(Repository& repository, const std::vector<Id>& roots, BlobSet& used,
                    const std::function<void(const TreeProblem&)>& problem,
                    model::Observer& observer, std::stop_token stop) {
  Walk walk(repository, used, problem, observer);
  walk.add_roots(roots);
  Crew crew([&] { walk.wake_all(); });
  // As many as can compute, and as many as can wait for the storage.
  const unsigned threads = std::max(cores_available(), repository.storage().connections_max());
  for (unsigned i = 0; i < threads; ++i) {
    crew.start([&](const std::stop_token& crew_stop) { walk.run(crew_stop, stop); });
  }
  crew.join();
}

}  // namespace holdfast::repo

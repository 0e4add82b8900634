// SPDX-License-Identifier: Apache-2.0
// Walks trees on all cores and hands over what was found in the order of a walk on one thread.
//
// A look reads one directory, or two that are compared, on any thread; what it keeps waits until it
// is its turn. Threads look ahead only so far; where the turn comes to a directory that nobody has
// looked at, the calling thread does it itself. So the walk never stands still, and its memory is
// bounded: a directory is taken in pieces, and the outer directories of a deep tree are let go and
// looked at again on the way back.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "archive/walk_task.h"
#include "base/crew.h"
#include "base/error.h"
#include "repo/damage.h"
#include "repo/parallel.h"

namespace holdfast::archive {

// What a look gave for one name: an item, what lies below it, or both.
template <typename Item>
struct WalkStep {
  std::string name;
  std::optional<Item> item;  // handed over first
  TreePair below;            // entered then; without any tree: nothing
};

// What a look at a directory fills.
template <typename Item>
struct WalkLook {
  std::vector<WalkStep<Item>> steps;      // in the order of names
  std::optional<std::string> more_after;  // the names behind this one are left for another look
  std::size_t weight_bytes = 0;

  // `owned_bytes`: the heap that the item owns.
  void add(std::string name, std::optional<Item> item, TreePair below,
           std::size_t owned_bytes = 0) {
    weight_bytes += sizeof(WalkStep<Item>) + name.capacity() + owned_bytes;
    if (has_any(below)) weight_bytes += walk_task_bytes;
    steps.push_back({std::move(name), std::move(item), below});
  }
  // Whether the rest is to be left for another look.
  [[nodiscard]] bool is_full() const noexcept { return weight_bytes >= look_bytes_max; }
};

// Calls `visit(format::Node&&)` for each entry of the directory's `tree` that this look is to take.
template <typename Item, typename Visit>
void look_at_entries(repo::Repository& repository, const WalkTask& task, const format::Id& tree,
                     repo::Codec& codec, WalkLook<Item>& look, const Visit& visit) {
  std::string last;
  read_entries(repository, task, tree, codec, [&](format::Node&& node) {
    if (look.is_full()) {
      if (!look.more_after) look.more_after = last;
      return;
    }
    last = node.name;
    visit(std::move(node));
  });
}

template <typename Item>
struct WalkHooks {
  // On any thread, several at a time, with the thread's codec. What it throws has its turn too.
  std::function<void(const WalkTask& task, repo::Codec& codec, WalkLook<Item>& look)> look;
  // On the calling thread, in order.
  std::function<void(const WalkTask& task, const std::string& name, Item& item)> take;
  // A directory could not be read because something stored is bad; the walk goes on. Empty: such an
  // error ends the walk, as any other does.
  std::function<void(const WalkTask& task, const Error& error)> failed = {};
  // Before anything of a directory is handed over, and after everything below it was.
  std::function<void(const WalkTask& task)> entered = {};
  std::function<void(const WalkTask& task)> left = {};
};

template <typename Item>
class OrderedWalk {
 public:
  // The repository's index is loaded.
  OrderedWalk(repo::Repository& repository, WalkHooks<Item> hooks, std::stop_token stop)
      : repository_(repository), hooks_(std::move(hooks)), stop_(std::move(stop)) {}

  // Errc::cancelled on a stop request; what the looks and hooks throw; Errc::corrupt, naming the
  // path, for directories nested deeper than 4,096 levels.
  void run(const TreePair& root) {
    Crew crew([this] { wake_all(); });
    // As many as can compute, and as many as can wait for the storage; the calling one is one.
    const unsigned threads = std::max(cores_available(), repository_.storage().connections_max());
    for (unsigned i = 1; i < threads; ++i) {
      crew.start([this](const std::stop_token& crew_stop) { look_ahead(crew_stop); });
    }
    hand_over(root);
    crew.request_stop();
    wake_all();
    crew.join();
  }

 private:
  enum class State : std::uint8_t { waiting, at_work, ready, taken, dropped };

  struct Directory {
    explicit Directory(WalkTask task_in) : task(std::move(task_in)) {}
    WalkTask task;
    State state = State::waiting;  // guarded by mutex_
    WalkLook<Item> look;
    std::exception_ptr error;                       // ended the look
    std::vector<std::shared_ptr<Directory>> below;  // one for each step that has something below
  };
  using DirectoryPtr = std::shared_ptr<Directory>;

  // A directory on the way down.
  struct Level {
    DirectoryPtr directory;
    std::size_t next = 0;        // step
    std::size_t next_below = 0;  // of the directory's `below`
  };

  void look_at(Directory& directory, repo::Codec& codec) noexcept {
    const auto guarded = [&](const auto& body) {
      try {
        body();
      } catch (...) {
        if (!directory.error) directory.error = std::current_exception();
      }
    };
    guarded([&] { hooks_.look(directory.task, codec, directory.look); });
    guarded([&] {
      for (const WalkStep<Item>& step : directory.look.steps) {
        if (!has_any(step.below)) continue;
        directory.below.push_back(
            std::make_shared<Directory>(child_task(directory.task, step.name, step.below)));
      }
    });
  }

  void look_ahead(const std::stop_token& crew_stop) {
    repo::Codec codec = repository_.codec();
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] {
        return crew_stop.stop_requested() || (!waiting_.empty() && ahead_bytes_ < ahead_bytes_max);
      });
      if (crew_stop.stop_requested()) return;
      const DirectoryPtr directory = std::move(waiting_.back());
      waiting_.pop_back();
      if (directory->state != State::waiting) continue;
      directory->state = State::at_work;
      lock.unlock();
      look_at(*directory, codec);
      lock.lock();
      if (directory->state == State::dropped) continue;
      directory->state = State::ready;
      ahead_bytes_ += directory->look.weight_bytes;
      enlist(*directory);
    }
  }

  // With mutex_ held. Last in is first out, so that what is next in order is looked at first.
  void enlist(const Directory& directory) {
    for (auto below = directory.below.rbegin(); below != directory.below.rend(); ++below) {
      waiting_.push_back(*below);
    }
    changed_.notify_all();
  }

  // Until the directory has been looked at, by another thread or this one.
  void take_look(Directory& directory) {
    std::unique_lock lock(mutex_);
    if (directory.state == State::waiting) {
      directory.state = State::taken;
      lock.unlock();
      look_at(directory, codec_);
      lock.lock();
      while (!waiting_.empty() && waiting_.back()->state != State::waiting) waiting_.pop_back();
      enlist(directory);
      return;
    }
    changed_.wait(lock, [&] { return directory.state == State::ready; });
    directory.state = State::taken;
    ahead_bytes_ -= directory.look.weight_bytes;
    changed_.notify_all();
  }

  void hand_over(const TreePair& root) {
    WalkTask top;
    top.place = std::make_shared<repo::TreePlace>();
    top.trees = root;
    enter(std::make_shared<Directory>(std::move(top)));
    while (!levels_.empty()) {
      repo::check_stop(stop_);
      Level& level = levels_.back();
      Directory& directory = *level.directory;
      if (level.next == directory.look.steps.size()) {
        end_piece(level);
        continue;
      }
      WalkStep<Item>& step = directory.look.steps[level.next++];
      if (step.item) hooks_.take(directory.task, step.name, *step.item);
      if (has_any(step.below) && level.next_below < directory.below.size()) {
        enter(std::exchange(directory.below[level.next_below++], nullptr));
      }
    }
  }

  void enter(DirectoryPtr directory) {
    take_look(*directory);
    if (hooks_.entered) hooks_.entered(directory->task);
    held_bytes_ += directory->look.weight_bytes;
    levels_.push_back({std::move(directory)});
    for (std::size_t i = 0; i + 1 < levels_.size() && held_bytes_ > held_bytes_max; ++i) {
      let_go(levels_[i]);
    }
  }

  // All steps of a look were handed over: what ended it, the rest of the directory, or its end.
  void end_piece(Level& level) {
    Directory& directory = *level.directory;
    if (const std::exception_ptr error = std::exchange(directory.error, nullptr)) {
      if (!hooks_.failed) std::rethrow_exception(error);
      try {
        std::rethrow_exception(error);
      } catch (const Error& failure) {
        if (!repo::is_damage(failure)) throw;
        hooks_.failed(directory.task, failure);
      }
    }
    held_bytes_ -= directory.look.weight_bytes;
    if (directory.look.more_after) {
      WalkTask rest = directory.task;
      rest.after = std::move(*directory.look.more_after);
      level = {std::make_shared<Directory>(std::move(rest))};
      take_look(*level.directory);
      held_bytes_ += level.directory->look.weight_bytes;
      return;
    }
    if (hooks_.left) hooks_.left(directory.task);
    levels_.pop_back();
  }

  // Forgets the steps that are still to come; they are looked for again when it is their turn.
  void let_go(Level& level) {
    Directory& directory = *level.directory;
    if (level.next == directory.look.steps.size()) return;
    drop(std::move(directory.below));
    held_bytes_ -= directory.look.weight_bytes;
    std::string last = std::move(directory.look.steps[level.next - 1].name);
    directory.look = {};
    directory.look.more_after = std::move(last);
    directory.below.clear();
    directory.error = nullptr;
    level.next = 0;
    level.next_below = 0;
  }

  // No turn will come for these, nor for what lies below them.
  void drop(std::vector<DirectoryPtr> directories) {
    const std::lock_guard lock(mutex_);
    while (!directories.empty()) {
      const DirectoryPtr directory = std::move(directories.back());
      directories.pop_back();
      if (!directory) continue;
      if (directory->state == State::ready) {
        ahead_bytes_ -= directory->look.weight_bytes;
        std::ranges::move(directory->below, std::back_inserter(directories));
        directory->below.clear();
      }
      directory->state = State::dropped;
    }
    changed_.notify_all();
  }

  void wake_all() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  // What all looks that are ahead of their turn, and those on the way down, may weigh together.
  static constexpr std::size_t ahead_bytes_max = 32U << 20U;
  static constexpr std::size_t held_bytes_max = 128U << 20U;

  repo::Repository& repository_;
  const WalkHooks<Item> hooks_;
  const std::stop_token stop_;
  repo::Codec codec_ = repository_.codec();  // the calling thread's
  std::vector<Level> levels_;
  std::size_t held_bytes_ = 0;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<DirectoryPtr> waiting_;
  std::size_t ahead_bytes_ = 0;
};

}  // namespace holdfast::archive

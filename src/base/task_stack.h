// SPDX-License-Identifier: Apache-2.0
// Tasks that lead to further tasks, as the directories of a tree do, shared by threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace holdfast {

// Last in is first out, so that the stack stays about as deep as what is walked. Safe from any
// number of threads.
template <typename Task>
class TaskStack {
 public:
  // Puts tasks on top, the first of them uppermost.
  void push(std::vector<Task>&& tasks) {
    if (tasks.empty()) return;
    const std::lock_guard lock(mutex_);
    std::move(tasks.rbegin(), tasks.rend(), std::back_inserter(tasks_));
    changed_.notify_all();
  }

  // Waits for a task, for which done() must be called once all that follows from it is pushed.
  // Nothing when all tasks are done, or after a stop request and wake_all().
  std::optional<Task> pop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop.stop_requested() || !tasks_.empty() || busy_ == 0; });
    if (stop.stop_requested() || tasks_.empty()) return std::nullopt;
    std::optional<Task> task(std::move(tasks_.back()));
    tasks_.pop_back();
    ++busy_;
    return task;
  }

  void done() {
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) changed_.notify_all();
  }

  void wake_all() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<Task> tasks_;
  std::size_t busy_ = 0;  // threads that may still push
};

}  // namespace holdfast

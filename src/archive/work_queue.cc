// SPDX-License-Identifier: Apache-2.0
#include "archive/work_queue.h"

#include "base/error.h"

namespace holdfast::archive {

WorkQueue::WorkQueue(const Limits& limits) : limits_(limits) {
  check_rule(limits.blocks_max > 0 && limits.block_bytes > 0, "a work queue has blocks");
  free_blocks_.reserve(limits.blocks_max);  // so that giving one back cannot fail
}

bool WorkQueue::push(Task task, std::size_t weight_bytes) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] {
    return is_abandoned_ || ordinary_.empty() ||
           waiting_bytes_ + weight_bytes <= limits_.waiting_bytes_max;
  });
  if (is_abandoned_) return false;
  waiting_bytes_ += weight_bytes;
  ordinary_.emplace_back(std::move(task), weight_bytes);
  changed_.notify_all();  // some wait for urgent tasks alone, and would swallow a single call
  return true;
}

void WorkQueue::push_urgent(Task task) {
  const std::unique_lock lock(mutex_);
  if (is_abandoned_) return;
  urgent_.push_back(std::move(task));
  changed_.notify_one();  // everyone who waits takes urgent tasks
}

void WorkQueue::close() {
  const std::unique_lock lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

void WorkQueue::abandon() noexcept {
  std::deque<Task> urgent;
  std::deque<std::pair<Task, std::size_t>> ordinary;
  {
    const std::unique_lock lock(mutex_);
    is_abandoned_ = true;
    urgent.swap(urgent_);
    ordinary.swap(ordinary_);
    waiting_bytes_ = 0;
    changed_.notify_all();
    room_.notify_all();
  }
  // The tasks, and the blocks they hold, go outside the lock: a block locks as it is given back.
}

bool WorkQueue::is_abandoned() const {
  const std::unique_lock lock(mutex_);
  return is_abandoned_;
}

void WorkQueue::run(std::unique_lock<std::mutex>& lock, Task&& task, Worker& worker) {
  class Running {
   public:
    Running(WorkQueue& queue, std::unique_lock<std::mutex>& own) : queue_(queue), lock_(own) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      lock_.lock();
      --queue_.running_;
      queue_.changed_.notify_all();
    }

   private:
    WorkQueue& queue_;
    std::unique_lock<std::mutex>& lock_;
  };
  ++running_;
  lock.unlock();
  const Running running(*this, lock);
  // What the task holds, blocks among it, is let go before it counts as over, outside the lock.
  const Task own = std::move(task);
  own(worker);
}

WorkQueue::Task WorkQueue::take_urgent() {
  Task task = std::move(urgent_.front());
  urgent_.pop_front();
  return task;
}

bool WorkQueue::run_one(Worker& worker) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return is_abandoned_ || !urgent_.empty() || !ordinary_.empty() || (is_closed_ && running_ == 0);
  });
  if (is_abandoned_) return false;
  if (!urgent_.empty()) {
    run(lock, take_urgent(), worker);
    return true;
  }
  if (ordinary_.empty()) return false;
  auto [task, weight_bytes] = std::move(ordinary_.front());
  ordinary_.pop_front();
  waiting_bytes_ -= weight_bytes;
  room_.notify_one();
  run(lock, std::move(task), worker);
  return true;
}

bool WorkQueue::try_run_urgent(Worker& worker) {
  std::unique_lock lock(mutex_);
  if (urgent_.empty() || is_abandoned_) return false;
  run(lock, take_urgent(), worker);
  return true;
}

bool WorkQueue::run_urgent_until(Worker& worker, const std::function<bool()>& is_done) {
  std::unique_lock lock(mutex_);
  while (!is_done()) {
    if (is_abandoned_) return false;
    if (urgent_.empty()) {
      changed_.wait(lock);
    } else {
      run(lock, take_urgent(), worker);
    }
  }
  return true;
}

WorkQueue::Block WorkQueue::take_block(Worker& worker) {
  std::unique_ptr<Bytes> block;
  std::unique_lock lock(mutex_);
  while (free_blocks_.empty() && blocks_made_ == limits_.blocks_max) {
    if (is_abandoned_) return nullptr;
    if (urgent_.empty()) {
      changed_.wait(lock);
    } else {
      run(lock, take_urgent(), worker);
    }
  }
  if (is_abandoned_) return nullptr;
  if (!free_blocks_.empty()) {
    block = std::move(free_blocks_.back());
    free_blocks_.pop_back();
  } else {
    ++blocks_made_;
  }
  lock.unlock();
  if (block == nullptr) block = std::make_unique<Bytes>(limits_.block_bytes);
  return {block.release(), [this](Bytes* returned) { give_back(returned); }};
}

void WorkQueue::give_back(Bytes* block) noexcept {
  std::unique_ptr<Bytes> owned(block);
  const std::unique_lock lock(mutex_);
  free_blocks_.push_back(std::move(owned));
  changed_.notify_all();
}

}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
// What the threads of one save share: tasks of two urgencies and the blocks of memory that data
// passes through. No thread of its own; a Crew runs it.
//
// Ordinary tasks (files to read, trees to save) come from outside and wait in a bounded queue.
// Urgent tasks (chunks to hash and store) come from within and are taken first. A thread that needs
// a block while all are in use runs urgent tasks until one is free: so one huge file keeps all
// threads busy, and none ever waits for what only itself could do.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "archive/destinations.h"
#include "base/bytes.h"
#include "repo/blob_writer.h"

namespace holdfast::archive {

class WorkQueue {
 public:
  // One thread's buffers and contexts for each destination.
  class Worker {
   public:
    explicit Worker(const repo::Repository& repository) { all_.emplace_back(repository); }
    explicit Worker(const Destinations& destinations) {
      for (std::size_t i = 0; i < destinations.size(); ++i)
        all_.emplace_back(destinations.repository(i));
    }
    [[nodiscard]] repo::BlobWriter::Worker& of(std::size_t destination) {
      return all_[destination];
    }

   private:
    std::deque<repo::BlobWriter::Worker> all_;
  };
  using Task = std::function<void(Worker&)>;
  using Block = std::shared_ptr<Bytes>;  // goes back to the queue when its last holder lets go

  struct Limits {
    std::size_t waiting_bytes_max;  // weight of the ordinary tasks that wait
    std::size_t block_bytes;
    // At least one more than there are contents that hold a block while they ask for the next.
    std::size_t blocks_max;
  };
  explicit WorkQueue(const Limits& limits);
  ~WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Adds an ordinary task, waiting while too many wait. False if abandoned. Not from within a task.
  bool push(Task task, std::size_t weight_bytes);
  // Adds an urgent task; never waits: what it works on is bounded by the blocks.
  void push_urgent(Task task);
  // No more ordinary tasks will come from outside.
  void close();
  // Gives up: drops what waits, wakes everyone.
  void abandon() noexcept;
  [[nodiscard]] bool is_abandoned() const;

  // Runs one task, waiting for one. False once closed with nothing left to run or running, or
  // abandoned. A task's exception goes through.
  bool run_one(Worker& worker);
  // Runs an urgent task if there is one now.
  bool try_run_urgent(Worker& worker);
  // Waits until `is_done` says so, running urgent tasks meanwhile; asked again whenever a task has
  // ended, under the queue's lock. False if abandoned before.
  [[nodiscard]] bool run_urgent_until(Worker& worker, const std::function<bool()>& is_done);

  // A block of block_bytes, not zeroed, running urgent tasks while there is none. Null if
  // abandoned. The queue must outlive its blocks.
  [[nodiscard]] Block take_block(Worker& worker);

 private:
  void run(std::unique_lock<std::mutex>& lock, Task&& task, Worker& worker);
  [[nodiscard]] Task take_urgent();
  void give_back(Bytes* block) noexcept;

  const Limits limits_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::condition_variable room_;
  std::deque<Task> urgent_;
  std::deque<std::pair<Task, std::size_t>> ordinary_;
  std::size_t waiting_bytes_ = 0;
  std::size_t running_ = 0;
  std::vector<std::unique_ptr<Bytes>> free_blocks_;
  std::size_t blocks_made_ = 0;
  bool is_closed_ = false;
  bool is_abandoned_ = false;
};

}  // namespace holdfast::archive

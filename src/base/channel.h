// SPDX-License-Identifier: Apache-2.0
// A queue between threads that is bounded by bytes, not by items, so that memory has a ceiling.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace holdfast {

// Values move through it. push() waits while the queue holds its capacity, pop() while it is empty.
// A value heavier than the capacity is taken alone, when the queue is empty. Any number of threads
// on both sides.
template <typename T>
class Channel {
 public:
  explicit Channel(std::size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  // Takes `value`, weighing `weight_bytes`. False, and the value is dropped, if closed or broken.
  bool push(T value, std::size_t weight_bytes) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] {
      return closed_ || items_.empty() || held_bytes_ + weight_bytes <= capacity_bytes_;
    });
    if (closed_) return false;
    held_bytes_ += weight_bytes;
    items_.emplace_back(std::move(value), weight_bytes);
    filled_.notify_one();
    return true;
  }

  // Like push(), but leaves `value` untouched and returns false instead of waiting.
  bool try_push(T& value, std::size_t weight_bytes) {
    std::unique_lock lock(mutex_);
    if (closed_ || (!items_.empty() && held_bytes_ + weight_bytes > capacity_bytes_)) return false;
    held_bytes_ += weight_bytes;
    items_.emplace_back(std::move(value), weight_bytes);
    filled_.notify_one();
    return true;
  }

  // The next value, or nothing once closed and empty, or broken.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
    return take(lock);
  }

  // The next value if there is one now.
  std::optional<T> try_pop() {
    std::unique_lock lock(mutex_);
    return take(lock);
  }

  // No more values will come; what is queued is still handed out.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    filled_.notify_all();
    room_.notify_all();
  }

  // Gives up: what is queued is dropped, every waiting thread returns.
  void abandon() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    items_.clear();
    held_bytes_ = 0;
    filled_.notify_all();
    room_.notify_all();
  }

 private:
  std::optional<T> take(std::unique_lock<std::mutex>&) {
    if (items_.empty()) return std::nullopt;
    auto [value, weight_bytes] = std::move(items_.front());
    items_.pop_front();
    held_bytes_ -= weight_bytes;
    room_.notify_all();
    return std::optional<T>(std::move(value));
  }

  const std::size_t capacity_bytes_;
  std::mutex mutex_;  // guards all below
  std::condition_variable room_;
  std::condition_variable filled_;
  std::deque<std::pair<T, std::size_t>> items_;
  std::size_t held_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace holdfast

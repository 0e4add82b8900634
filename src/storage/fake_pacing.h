// SPDX-License-Identifier: Apache-2.0
// For tests: a clock that moves only when somebody sleeps by it.
#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "storage/pacing.h"

namespace holdfast::storage {

class FakeClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override { return Timestamp{}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady() override {
    std::lock_guard lock(mutex_);
    return std::chrono::steady_clock::time_point(slept_);
  }
  // All sleeps so far together.
  [[nodiscard]] std::chrono::nanoseconds slept() {
    std::lock_guard lock(mutex_);
    return slept_;
  }
  [[nodiscard]] std::vector<std::chrono::nanoseconds> sleeps() {
    std::lock_guard lock(mutex_);
    return sleeps_;
  }
  // A pacing by this clock, which must outlive it.
  [[nodiscard]] Pacing pacing() {
    return {.clock = this, .sleep = [this](std::chrono::nanoseconds duration) {
              std::lock_guard lock(mutex_);
              slept_ += duration;
              sleeps_.push_back(duration);
            }};
  }

 private:
  std::mutex mutex_;  // guards all below
  std::chrono::nanoseconds slept_{0};
  std::vector<std::chrono::nanoseconds> sleeps_;
};

}  // namespace holdfast::storage

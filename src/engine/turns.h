// SPDX-License-Identifier: Apache-2.0
// Where only one may write: who does takes a turn, and the others wait for its end.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {

// Any thread; a turn may end on another one than it began on.
class Turns {
 public:
  class Turn {
   public:
    // Waits until nobody has it. Errc::cancelled, naming `doing`, soon after a stop request.
    Turn(Turns& turns, const std::stop_token& stop, const std::string& doing) : turns_(turns) {
      std::unique_lock lock(turns_.mutex_);
      const bool had = turns_.returned_.wait(lock, stop, [&] { return !turns_.is_taken_; });
      if (!had) throw Error(Errc::cancelled, "stopped " + doing);
      turns_.is_taken_ = true;
    }
    ~Turn() {
      const std::lock_guard lock(turns_.mutex_);
      turns_.is_taken_ = false;
      turns_.returned_.notify_one();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& turns_;
  };

 private:
  std::mutex mutex_;  // guards is_taken_
  std::condition_variable_any returned_;
  bool is_taken_ = false;
};

}  // namespace holdfast::engine

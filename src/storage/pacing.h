// SPDX-License-Identifier: Apache-2.0
// How wrappers wait: the clock they read and the sleep they take. Both are handed in, so that tests
// of a quarter of an hour take no time.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "base/timestamp.h"

namespace holdfast::storage {

// Both members must be safe from several threads; `clock` outlives every user.
struct Pacing {
  Clock* clock = nullptr;
  std::function<void(std::chrono::nanoseconds)> sleep;
};

// While one lives, a stop request ends no real sleep of the thread that made it: for the few files
// without which a repository that was stopped half-way could not be read. They may be nested.
class LastingPauses {
 public:
  LastingPauses() noexcept;
  ~LastingPauses();
  LastingPauses(const LastingPauses&) = delete;
  LastingPauses& operator=(const LastingPauses&) = delete;
};

// The system's clock and a real sleep, which ends with Errc::cancelled at a stop request, but for
// LastingPauses.
[[nodiscard]] Pacing real_pacing(std::stop_token stop = {});

}  // namespace holdfast::storage

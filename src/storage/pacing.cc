// SPDX-License-Identifier: Apache-2.0
// A sleep that a stop request ends.
#include "storage/pacing.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace holdfast::storage {

Pacing real_pacing(std::stop_token stop) {
  return {.clock = &system_clock(),
          .sleep = [stop = std::move(stop)](std::chrono::nanoseconds duration) {
            std::mutex mutex;
            std::condition_variable_any never;
            std::unique_lock lock(mutex);
            never.wait_for(lock, stop, duration, [] { return false; });
            if (stop.stop_requested()) {
              throw Error(Errc::cancelled, "stopped while waiting for the repository's storage");
            }
          }};
}

}  // namespace holdfast::storage

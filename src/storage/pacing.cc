// SPDX-License-Identifier: Apache-2.0
// A sleep that a stop request ends.
#include "storage/pacing.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"

namespace holdfast::storage {
namespace {

thread_local unsigned lasting = 0;

}  // namespace

LastingPauses::LastingPauses() noexcept {
  ++lasting;
}

LastingPauses::~LastingPauses() {
  --lasting;
}

Pacing real_pacing(std::stop_token stop) {
  return {.clock = &system_clock(),
          .sleep = [stop = std::move(stop)](std::chrono::nanoseconds duration) {
            if (lasting != 0) return std::this_thread::sleep_for(duration);
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

// SPDX-License-Identifier: Apache-2.0
// Threads that draw the numbers of items from one counter.
#include "repo/parallel.h"

#include <algorithm>
#include <atomic>

#include "base/crew.h"
#include "base/error.h"

namespace holdfast::repo {

void check_stop(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
}

void for_each_parallel(std::size_t count, unsigned threads, std::stop_token stop,
                       const MakeWorker& make_worker) {
  std::atomic<std::size_t> next{0};
  const auto run = [&](const std::stop_token& crew_stop) {
    const std::function<void(std::size_t)> work = make_worker();
    while (!crew_stop.stop_requested()) {
      check_stop(stop);
      const std::size_t item = next.fetch_add(1, std::memory_order_relaxed);
      if (item >= count) return;
      work(item);
    }
  };
  const std::size_t wanted = std::min<std::size_t>(count, std::max(threads, 1U));
  if (wanted <= 1) {
    if (count != 0) run({});
    return;
  }
  Crew crew;
  for (std::size_t i = 0; i < wanted; ++i) crew.start(run);
  crew.join();
}

}  // namespace holdfast::repo

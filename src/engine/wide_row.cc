// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace holdfast::engine {
namespace {

// So often a turn is looked for before anybody goes to sleep: it is mostly given back at once.
constexpr int looks = 50;

struct Turn {
  std::mutex mutex;  // of who sleeps
  std::condition_variable_any freed;
  std::atomic<bool> taken = false;
  std::atomic<int> sleepers = 0;

  [[nodiscard]] bool try_take() noexcept { return !taken.load() && !taken.exchange(true); }
};

Turn& the_turn() {
  static Turn turn;
  return turn;
}

}  // namespace

void WideRowTurn::take(const std::stop_token& stop) {
  if (mine_) return;
  Turn& turn = the_turn();
  for (int i = 0; i < looks && !mine_; ++i) {
    mine_ = turn.try_take();
    if (!mine_) std::this_thread::yield();
  }
  if (mine_) return;
  std::unique_lock lock(turn.mutex);
  ++turn.sleepers;
  mine_ = turn.freed.wait(lock, stop, [&] { return turn.try_take(); });
  --turn.sleepers;
  if (!mine_) throw Error(Errc::cancelled, "stopped while another wide row was read");
}

void WideRowTurn::got(std::size_t row_bytes) noexcept {
  wide_ = wide_ || row_bytes >= wide_row_bytes;
  if (!wide_) give_back();
}

void WideRowTurn::give_back() noexcept {
  if (!mine_) return;
  mine_ = false;
  Turn& turn = the_turn();
  turn.taken = false;
  if (turn.sleepers == 0) return;
  {
    const std::lock_guard lock(turn.mutex);  // nobody is between his look and his sleep
  }
  turn.freed.notify_one();
}

}  // namespace holdfast::engine

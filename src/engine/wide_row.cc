// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"

namespace holdfast::engine {
namespace {

// So often a turn is looked for before anybody goes to sleep: it is mostly given back at once.
constexpr int looks = 50;
constexpr auto patience = std::chrono::seconds(60);

struct Turn {
  std::mutex mutex;  // of who sleeps
  std::condition_variable_any freed;
  std::atomic<bool> taken = false;
  std::atomic<int> sleepers = 0;
  std::atomic<std::size_t> beside_bytes = 0;

  [[nodiscard]] bool try_take() noexcept { return !taken.load() && !taken.exchange(true); }
  [[nodiscard]] bool try_count(std::size_t bytes) noexcept {
    std::size_t now = beside_bytes.load();
    do {
      if (now + bytes > wide_rows_beside_bytes) return false;
    } while (!beside_bytes.compare_exchange_weak(now, now + bytes));
    return true;
  }
};

Turn& turn_of(WideRowTurn::Way way) {
  static std::array<Turn, 2> turns;
  return turns.at(static_cast<std::size_t>(way));
}

}  // namespace

void WideRowTurn::take(std::size_t arrived_bytes, const std::stop_token& stop) {
  if (mine_ || arrived_bytes < std::max(wide_row_bytes, counted_bytes_)) return;
  Turn& turn = turn_of(way_);
  for (int i = 0; i < looks && !mine_; ++i) {
    mine_ = turn.try_take();
    if (!mine_) std::this_thread::yield();
  }
  if (mine_) return;
  std::unique_lock lock(turn.mutex);
  ++turn.sleepers;
  mine_ = turn.freed.wait_for(lock, stop, patience, [&] { return turn.try_take(); });
  --turn.sleepers;
  if (stop.stop_requested() && !mine_)
    throw Error(Errc::cancelled, "stopped while another wide row was read");
}

void WideRowTurn::got(std::size_t row_bytes) noexcept {
  widest_bytes_ = std::max(widest_bytes_, row_bytes);
  if (wide() && widest_bytes_ > counted_bytes_) {
    if (!turn_of(way_).try_count(widest_bytes_ - counted_bytes_)) return;
    counted_bytes_ = widest_bytes_;
  }
  give_back();
}

void WideRowTurn::done() noexcept {
  turn_of(way_).beside_bytes -= counted_bytes_;
  counted_bytes_ = 0;
  widest_bytes_ = 0;
  give_back();
}

void WideRowTurn::give_back() noexcept {
  if (!mine_) return;
  mine_ = false;
  Turn& turn = turn_of(way_);
  turn.taken = false;
  if (turn.sleepers == 0) return;
  {
    const std::lock_guard lock(turn.mutex);  // nobody is between his look and his sleep
  }
  turn.freed.notify_one();
}

}  // namespace holdfast::engine

// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"

namespace holdfast::engine {
namespace {

// So often a turn is looked for before anybody goes to sleep: it is mostly given back at once.
constexpr int looks = 50;
constexpr auto patience = std::chrono::seconds(60);
// A row of less so far may be any row: libpq looks for more by itself from 32 KiB on.
constexpr std::size_t open_bytes = std::size_t{24} << 10U;

struct Turn {
  std::mutex mutex;  // of who sleeps
  std::condition_variable_any freed;
  std::atomic<bool> taken = false;
  std::atomic<bool> parked = false;
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

// False: patience has come to its end.
bool wait_for(Turn& turn, const std::stop_token& stop) {
  for (int i = 0; i < looks; ++i) {
    if (turn.try_take()) return true;
    std::this_thread::yield();
  }
  std::unique_lock lock(turn.mutex);
  ++turn.sleepers;
  const bool is_mine = turn.freed.wait_for(lock, stop, patience, [&] { return turn.try_take(); });
  --turn.sleepers;
  if (stop.stop_requested() && !is_mine)
    throw Error(Errc::cancelled, "stopped while another wide row was read");
  return is_mine;
}

void free_turn(Turn& turn) noexcept {
  turn.taken = false;
  if (turn.sleepers == 0) return;
  {
    const std::lock_guard lock(turn.mutex);  // nobody is between his look and his sleep
  }
  turn.freed.notify_one();
}

}  // namespace

void WideRowTurn::take(std::size_t arrived_bytes, const std::stop_token& stop) {
  if (arrived_bytes >= std::max(wide_row_bytes, counted_bytes_)) take_unseen(stop);
}

void WideRowTurn::take_unseen(const std::stop_token& stop) {
  if (mine_ || gave_up_) return;
  mine_ = wait_for(turn_of(way_), stop);
  gave_up_ = !mine_;
}

void WideRowTurn::pass(std::size_t arrived_bytes) noexcept {
  if (!mine_) return;
  const bool fits = !wide() || widest_bytes_ <= counted_bytes_;
  if (!fits && !parked_) parked_ = !turn_of(way_).parked.exchange(true);
  if ((fits || parked_) && arrived_bytes < open_bytes) give_back();
}

void WideRowTurn::got(std::size_t row_bytes, const std::stop_token& stop) {
  widest_bytes_ = std::max(widest_bytes_, row_bytes);
  if (wide() && widest_bytes_ > counted_bytes_) {
    if (!turn_of(way_).try_count(widest_bytes_ - counted_bytes_)) return take_unseen(stop);
    counted_bytes_ = widest_bytes_;
    unpark();
  }
  give_back();
}

void WideRowTurn::done() noexcept {
  turn_of(way_).beside_bytes -= counted_bytes_;
  counted_bytes_ = 0;
  widest_bytes_ = 0;
  gave_up_ = false;
  unpark();
  give_back();
}

void WideRowTurn::unpark() noexcept {
  if (std::exchange(parked_, false)) turn_of(way_).parked = false;
}

void WideRowTurn::give_back() noexcept {
  if (std::exchange(mine_, false)) free_turn(turn_of(way_));
}

}  // namespace holdfast::engine

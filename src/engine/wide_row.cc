// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <condition_variable>
#include <mutex>

#include "base/error.h"

namespace holdfast::engine {
namespace {

struct Turn {
  std::mutex mutex;  // guards taken
  std::condition_variable_any freed;
  bool taken = false;
};

Turn& the_turn() {
  static Turn turn;
  return turn;
}

}  // namespace

void WideRowTurn::take(const std::stop_token& stop) {
  if (mine_) return;
  Turn& turn = the_turn();
  std::unique_lock lock(turn.mutex);
  if (!turn.freed.wait(lock, stop, [&] { return !turn.taken; }))
    throw Error(Errc::cancelled, "stopped while another wide row was read");
  turn.taken = true;
  mine_ = true;
}

void WideRowTurn::got(std::size_t row_bytes) noexcept {
  wide_ = wide_ || row_bytes >= wide_row_bytes;
  if (!wide_) give_back();
}

void WideRowTurn::give_back() noexcept {
  if (!mine_) return;
  mine_ = false;
  Turn& turn = the_turn();
  {
    const std::lock_guard lock(turn.mutex);
    turn.taken = false;
  }
  turn.freed.notify_one();
}

}  // namespace holdfast::engine

// SPDX-License-Identifier: Apache-2.0
// Who may take more of a wide row from the network, or put one together for it: one of this
// process at a time, so that memory is bounded by one widest row and not by as many as there are
// readers. Narrow rows wait for nobody, and some that are not very wide fit beside each other.
//
// A client library takes a row in whole before it says how wide that is. So a reader asks for its
// turn once so much of a row has come that it is a wide one. When the row is there its bytes are
// counted against a budget, and the turn is free for others; if they do not fit, the reader keeps
// its turn until its memory is free. A library may also take in more at once than was waiting, up
// to all of a row; so of rows whose width is still open, one reader at a time takes more (look()).
// Who waits for the turn may keep bytes of the budget, but who has the turn waits for no bytes:
// nobody here waits in a circle. Where a server's locks or a full pipe close one, it ends after a
// minute, when a reader goes on without a turn: what it takes then is more memory than promised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>

namespace holdfast::engine {

// A row of at least so many bytes is wide.
inline constexpr std::size_t wide_row_bytes = std::size_t{2} << 20U;
// What wide rows may take together besides the one whose reader has the turn.
inline constexpr std::size_t wide_rows_beside_bytes = std::size_t{16} << 20U;

class WideRowTurn {
 public:
  // What a migration reads it writes at the same time: each way has turns of its own.
  enum class Way : std::uint8_t { reading, writing };

  explicit WideRowTurn(Way way = Way::reading) noexcept : way_(way) {}
  ~WideRowTurn() { done(); }
  WideRowTurn(const WideRowTurn&) = delete;
  WideRowTurn& operator=(const WideRowTurn&) = delete;

  // Before more of a row is taken of which so many bytes may have come by then. Returns at once
  // for a narrow one. Errc::cancelled soon after a stop request.
  void take(std::size_t arrived_bytes, const std::stop_token& stop);
  // The same for who cannot tell how much will come: after take(), before more is taken of a row of
  // which a part is there.
  void look(std::size_t arrived_bytes, const std::stop_token& stop);
  // Once a row is there. One that turns out to be wide only now waits for what it needs.
  // Errc::cancelled soon after a stop request.
  void got(std::size_t row_bytes, const std::stop_token& stop = {});
  // Whether a wide row came: its memory is in use until done().
  [[nodiscard]] bool wide() const noexcept { return widest_bytes_ >= wide_row_bytes; }
  // The memory of all rows so far is free.
  void done() noexcept;

 private:
  void give_back() noexcept;
  void stop_looking() noexcept;

  const Way way_;
  bool mine_ = false;
  bool looks_ = false;
  std::size_t widest_bytes_ = 0;
  std::size_t counted_bytes_ = 0;  // against the budget
};

}  // namespace holdfast::engine

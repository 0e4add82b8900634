// SPDX-License-Identifier: Apache-2.0
// Who may take more of a wide row from the network, or put one together for it: one of this
// process at a time, so that memory is bounded by one widest row and not by as many as there are
// readers. Narrow rows hardly wait for anybody, and some that are not very wide fit beside each
// other.
//
// A client library takes a row in whole before it says how wide that is. So a reader asks for its
// turn once so much of a row has come that it is a wide one. When the row is there its bytes are
// counted against a budget, and the turn is free for others; if they do not fit, the reader keeps
// its turn until its memory is free.
//
// A library may also take in more at once than was waiting, up to all of a row. A reader of such a
// one has the turn whenever it takes anything (take_unseen()). Of a row that did not fit, only the
// library's own buffer is left once it is worked off: one reader at a time may keep that without
// the turn, so that narrow rows of others go on.
//
// Who waits for the turn may keep bytes of the budget, but who has the turn waits for no bytes:
// nobody here waits in a circle. Where a server's locks, a full pipe or a server that has stopped
// in the midst of a row close one, it ends after a minute, when a reader goes on without a turn
// until done(): what it takes then is more memory than promised.
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
  // The same for who cannot tell how much will come. What comes is told to got(), and then to
  // pass().
  void take_unseen(const std::stop_token& stop);
  // After take_unseen(), when all rows that are whole have been worked off: of the next one so many
  // bytes have come at least. If that may be any row, it keeps nobody waiting until more of it
  // comes.
  void pass(std::size_t arrived_bytes) noexcept;
  // Once a row is there. A wide one that came without a turn waits for it if it does not fit.
  // Errc::cancelled soon after a stop request.
  void got(std::size_t row_bytes, const std::stop_token& stop);
  // Whether a wide row came: its memory is in use until done().
  [[nodiscard]] bool wide() const noexcept { return widest_bytes_ >= wide_row_bytes; }
  // The memory of all rows so far is free.
  void done() noexcept;

 private:
  void give_back() noexcept;
  void unpark() noexcept;

  const Way way_;
  bool mine_ = false;
  bool parked_ = false;   // the library's buffer is left of a row that did not fit
  bool gave_up_ = false;  // waiting
  std::size_t widest_bytes_ = 0;
  std::size_t counted_bytes_ = 0;  // against the budget
};

}  // namespace holdfast::engine

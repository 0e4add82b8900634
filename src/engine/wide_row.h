// SPDX-License-Identifier: Apache-2.0
// Who may take more of a row from the network: one reader of this process at a time, so that memory
// is bounded by one widest row and not by as many as there are readers.
//
// A client library takes a row in whole before it says how wide that is. So every reader asks for
// its turn before it takes anything, and gives it back with the first row that turns out narrow.
// Who got a wide one keeps his turn until its memory is free.
#pragma once

#include <cstddef>
#include <stop_token>

namespace holdfast::engine {

// A row of at least so many bytes is wide.
inline constexpr std::size_t wide_row_bytes = std::size_t{2} << 20U;

class WideRowTurn {
 public:
  WideRowTurn() = default;
  ~WideRowTurn() { give_back(); }
  WideRowTurn(const WideRowTurn&) = delete;
  WideRowTurn& operator=(const WideRowTurn&) = delete;

  // Before a row, or more of it, is taken. Errc::cancelled soon after a stop request.
  void take(const std::stop_token& stop);
  // Once a row is there: from a wide one on the turn is kept until this object goes.
  void got(std::size_t row_bytes) noexcept;
  [[nodiscard]] bool wide() const noexcept { return wide_; }

 private:
  void give_back() noexcept;

  bool mine_ = false;
  bool wide_ = false;
};

}  // namespace holdfast::engine

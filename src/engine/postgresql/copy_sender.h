// SPDX-License-Identifier: Apache-2.0
// COPY … FROM STDIN on a connection and a thread of its own, so that whoever makes the rows does
// not wait for the server while it takes in those before.
#pragma once

#include <functional>
#include <stop_token>
#include <string_view>

#include "base/bytes.h"
#include "base/channel.h"
#include "base/crew.h"
#include "engine/postgresql/connection.h"

namespace holdfast::engine::postgresql {

// Used by one thread. Destroyed without finish(), whether for an error or not, it ends the
// statement, of which nothing stays; a server that does not answer is waited for no longer than
// Connection does.
class CopySender {
 public:
  // The usual size of a piece.
  static constexpr std::size_t piece_bytes = std::size_t{64} << 10U;

  // Connects, prepares the session and begins the statement. A request on `stop` ends all waiting.
  CopySender(const Location& place, const std::function<void(Connection&)>& prepare,
             std::string_view statement, const std::stop_token& stop);

  // Takes the bytes, and leaves `piece` empty. Waits while the pieces that the server has not yet
  // taken are too many. Throws what befell the statement or an earlier piece.
  void send(Bytes& piece);
  // The same for bytes that stay the caller's.
  void send_copy(ByteView bytes);
  // All was sent: the server has taken it when this returns.
  void finish();

 private:
  std::stop_source stop_;  // of the connection: requested by the caller's, and by giving up
  std::stop_callback<std::function<void()>> forward_;
  Connection connection_;
  Connection::CopyIn copy_;
  Channel<Bytes> pieces_;
  Crew crew_;  // one thread, which goes before what it uses
};

}  // namespace holdfast::engine::postgresql

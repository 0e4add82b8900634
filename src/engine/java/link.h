// SPDX-License-Identifier: Apache-2.0
// The running Java program and the line to it: frames out, frames in, and how its end is told.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/process.h"
#include "engine/java/protocol.h"

namespace holdfast::engine::java {

// One thread at a time. Whatever is waited for ends soon after a stop request, with
// Errc::cancelled; and when the program ends, with Errc::failed_child and the last lines of its
// standard error. After an Error from here the line is of no more use.
class Link {
 public:
  // Starts it. Errors as of every program that is started (base/process.h).
  Link(const Command& command, std::stop_token stop);
  ~Link();  // hangs up, lets it close its database for five seconds, then ends it
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // All of `frames`, then clears it.
  void send(FrameWriter& frames);
  // Raw, for what stands between a frame's head and its end.
  void send(ByteView bytes);
  // The next frame. Its bytes are valid until the next call.
  [[nodiscard]] Frame receive();
  // The same if one is there, or has begun to come.
  [[nodiscard]] std::optional<Frame> receive_if_any();
  // Waits until the program has ended, for five seconds at most. Whether it did, with success.
  [[nodiscard]] bool wait_for_end();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::engine::java

// SPDX-License-Identifier: Apache-2.0
// Signals become calls on a thread of their own. SIGINT and SIGTERM request a clean stop, SIGUSR1
// asks for the status. SIGHUP is ignored for the whole life of the process, because restic sends a
// real one to find out whether the holder of a lock is alive; SIGPIPE is ignored so that a closed
// pipe is an error like any other.
#pragma once

#include <thread>

#include "base/fd.h"
#include "cli/environment.h"

namespace holdfast::cli {

// Blocks what the thread below waits for. Call in main before any thread is started: threads
// inherit it.
void block_signals();

class SignalThread {
 public:
  explicit SignalThread(Environment& environment);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  void wait(Environment& environment);
  Fd signals_;
  Fd end_;
  std::jthread thread_;
};

}  // namespace holdfast::cli

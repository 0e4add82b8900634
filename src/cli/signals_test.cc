// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace holdfast::cli {
namespace {

template <typename Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

TEST(Signals, BecomeCallsOnAThread) {
  block_signals();
  Environment environment;
  std::atomic<int> asked{0};
  environment.status_requests.set([&] { ++asked; });
  const SignalThread signals(environment);
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(comes_true([&] { return asked.load() == 1; }));
  EXPECT_FALSE(environment.stop.stop_requested());
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(comes_true([&] { return environment.stop.stop_requested(); }));
  EXPECT_TRUE(environment.interrupted.load());
}

TEST(Signals, SurviveAHangup) {
  block_signals();
  ::kill(::getpid(), SIGHUP);
  ::kill(::getpid(), SIGPIPE);
  SUCCEED();
}

}  // namespace
}  // namespace holdfast::cli

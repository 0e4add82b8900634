// SPDX-License-Identifier: Apache-2.0
#include "base/task_stack.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/crew.h"
#include "base/error.h"

namespace holdfast {
namespace {

TEST(TaskStack, GivesTheFirstOfTheLastPushed) {
  TaskStack<int> stack;
  stack.push({3});
  stack.push({1, 2});
  for (const int expected : {1, 2, 3}) {
    EXPECT_EQ(stack.pop({}), expected);
    stack.done();
  }
  EXPECT_EQ(stack.pop({}), std::nullopt);
}

TEST(TaskStack, EndsForAllThreadsWhenNothingCanFollow) {
  TaskStack<unsigned> stack;
  stack.push({14});  // each leads to two that are one less
  std::atomic<unsigned> leaves{0};
  Crew crew([&] { stack.wake_all(); });
  for (int i = 0; i < 4; ++i) {
    crew.start([&](const std::stop_token& stop) {
      while (const auto task = stack.pop(stop)) {
        if (*task == 0) {
          ++leaves;
        } else {
          stack.push({*task - 1, *task - 1});
        }
        stack.done();
      }
    });
  }
  crew.join();
  EXPECT_EQ(leaves, 1U << 14U);
}

TEST(TaskStack, LetsWaitingThreadsGoOnAStop) {
  TaskStack<int> stack;
  stack.push({1});
  EXPECT_EQ(stack.pop({}), 1);  // never done
  Crew crew([&] { stack.wake_all(); });
  crew.start([&](const std::stop_token& stop) { EXPECT_EQ(stack.pop(stop), std::nullopt); });
  crew.start([](const std::stop_token&) { throw Error(Errc::io, "failed"); });
  EXPECT_THROW(crew.join(), Error);
}

}  // namespace
}  // namespace holdfast

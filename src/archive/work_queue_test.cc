// SPDX-License-Identifier: Apache-2.0
#include "archive/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "archive/test_source.h"
#include "base/crew.h"
#include "base/error.h"

namespace holdfast::archive {
namespace {

constexpr WorkQueue::Limits small{.waiting_bytes_max = 100, .block_bytes = 16, .blocks_max = 2};

TEST(WorkQueue, RunsUrgentTasksFirst) {
  TestSource test;
  WorkQueue queue(small);
  std::string order;
  queue.push([&](auto&) { order += 'a'; }, 1);
  queue.push([&](auto&) { order += 'b'; }, 1);
  queue.push_urgent([&](auto&) { order += 'U'; });
  queue.close();
  while (queue.run_one(test.queue_worker())) {
  }
  EXPECT_EQ(order, "Uab");
}

TEST(WorkQueue, WaitsForTasksThatMayBringMore) {
  TestSource test;
  WorkQueue queue(small);
  std::atomic<int> done = 0;
  Crew crew([&] { queue.abandon(); });
  for (int thread = 0; thread < 2; ++thread) {
    crew.start([&](const std::stop_token&) {
      WorkQueue::Worker worker(test.repository());
      while (queue.run_one(worker)) {
      }
    });
  }
  queue.push(
      [&](auto&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        for (int task = 0; task < 10; ++task) queue.push_urgent([&](auto&) { ++done; });
      },
      1);
  queue.close();
  crew.join();
  EXPECT_EQ(done, 10);
}

TEST(WorkQueue, MakesThePusherWaitForRoom) {
  TestSource test;
  WorkQueue queue(small);
  EXPECT_TRUE(queue.push([](auto&) {}, 1000));  // alone, whatever it weighs
  std::atomic<bool> is_pushed = false;
  Crew crew;
  crew.start([&](const std::stop_token&) {
    queue.push([](auto&) {}, 1);
    is_pushed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(is_pushed);
  EXPECT_TRUE(queue.run_one(test.queue_worker()));
  crew.join();
  EXPECT_TRUE(is_pushed);
}

TEST(WorkQueue, HelpsWhileAllBlocksAreInUse) {
  TestSource test;
  WorkQueue queue(small);
  WorkQueue::Block one = queue.take_block(test.queue_worker());
  WorkQueue::Block two = queue.take_block(test.queue_worker());
  EXPECT_EQ(one->size(), 16U);
  const Bytes* const memory = one.get();
  queue.push_urgent([held = std::move(one)](auto&) {});
  const WorkQueue::Block three = queue.take_block(test.queue_worker());
  EXPECT_EQ(three.get(), memory);
}

TEST(WorkQueue, GivesUpAtOnce) {
  TestSource test;
  WorkQueue queue(small);
  const WorkQueue::Block one = queue.take_block(test.queue_worker());
  const WorkQueue::Block two = queue.take_block(test.queue_worker());
  Crew crew;
  crew.start([&](const std::stop_token&) {
    WorkQueue::Worker worker(test.repository());
    EXPECT_EQ(queue.take_block(worker), nullptr);
    EXPECT_FALSE(queue.run_one(worker));
    EXPECT_FALSE(queue.run_urgent_until(worker, [] { return false; }));
    EXPECT_FALSE(queue.push([](auto&) {}, 1));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  queue.abandon();
  crew.join();
}

TEST(WorkQueue, LetsGoOfWhatAFailedTaskHeld) {
  TestSource test;
  WorkQueue queue(small);
  queue.push_urgent(
      [held = queue.take_block(test.queue_worker())](auto&) { throw Error(Errc::io, "no"); });
  EXPECT_THROW(static_cast<void>(queue.run_one(test.queue_worker())), Error);
  const WorkQueue::Block one = queue.take_block(test.queue_worker());
  const WorkQueue::Block two = queue.take_block(test.queue_worker());
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace holdfast::archive

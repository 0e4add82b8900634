// SPDX-License-Identifier: Apache-2.0
#include "base/channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace holdfast {
namespace {

TEST(Channel, HandsOutInOrder) {
  Channel<int> channel(100);
  EXPECT_TRUE(channel.push(1, 1));
  EXPECT_TRUE(channel.push(2, 1));
  EXPECT_EQ(channel.pop(), 1);
  EXPECT_EQ(channel.try_pop(), 2);
  EXPECT_EQ(channel.try_pop(), std::nullopt);
}

TEST(Channel, IsBoundedByBytes) {
  Channel<int> channel(10);
  int value = 7;
  EXPECT_TRUE(channel.try_push(value, 6));
  EXPECT_FALSE(channel.try_push(value, 5));
  EXPECT_TRUE(channel.try_push(value, 4));
  EXPECT_FALSE(channel.try_push(value, 1));
  EXPECT_EQ(channel.pop(), 7);
  EXPECT_TRUE(channel.try_push(value, 6));
}

TEST(Channel, TakesAValueHeavierThanItsCapacityAlone) {
  Channel<int> channel(10);
  int value = 1;
  EXPECT_TRUE(channel.try_push(value, 1));
  EXPECT_FALSE(channel.try_push(value, 1000));
  EXPECT_EQ(channel.pop(), 1);
  EXPECT_TRUE(channel.push(2, 1000));
  EXPECT_FALSE(channel.try_push(value, 0));
  EXPECT_EQ(channel.pop(), 2);
  EXPECT_TRUE(channel.try_push(value, 1));
}

TEST(Channel, ARefusedTryPushLeavesTheValue) {
  Channel<std::unique_ptr<int>> channel(1);
  auto value = std::make_unique<int>(5);
  EXPECT_TRUE(channel.push(std::make_unique<int>(4), 1));
  EXPECT_FALSE(channel.try_push(value, 1));
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, 5);
}

TEST(Channel, GivesWhatIsQueuedAfterClose) {
  Channel<int> channel(10);
  EXPECT_TRUE(channel.push(1, 1));
  channel.close();
  EXPECT_FALSE(channel.push(2, 1));
  EXPECT_EQ(channel.pop(), 1);
  EXPECT_EQ(channel.pop(), std::nullopt);
}

TEST(Channel, AbandonDropsWhatIsQueued) {
  Channel<std::shared_ptr<int>> channel(10);
  const auto value = std::make_shared<int>(1);
  EXPECT_TRUE(channel.push(value, 1));
  channel.abandon();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(channel.pop(), std::nullopt);
  EXPECT_FALSE(channel.push(value, 1));
}

TEST(Channel, AbandonWakesEveryoneWhoWaits) {
  Channel<int> full(1);
  Channel<int> empty(1);
  EXPECT_TRUE(full.push(1, 1));
  std::vector<std::jthread> waiting;
  std::atomic<int> woken = 0;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] { woken += full.push(2, 1) ? 0 : 1; });
    waiting.emplace_back([&] { woken += empty.pop() ? 0 : 1; });
  }
  full.abandon();
  empty.abandon();
  waiting.clear();
  EXPECT_EQ(woken, 6);
}

TEST(Channel, LosesNothingBetweenManyThreads) {
  constexpr int producers = 3;
  constexpr int values_each = 2000;
  Channel<int> channel(64);
  std::atomic<long> sum = 0;
  std::atomic<int> count = 0;
  std::vector<std::jthread> consuming;
  for (int i = 0; i < 4; ++i) {
    consuming.emplace_back([&] {
      while (const auto value = channel.pop()) {
        sum += *value;
        ++count;
      }
    });
  }
  {
    std::vector<std::jthread> producing;
    for (int i = 0; i < producers; ++i) {
      producing.emplace_back([&] {
        for (int value = 1; value <= values_each; ++value) {
          EXPECT_TRUE(channel.push(value, static_cast<std::size_t>(value % 80)));
        }
      });
    }
  }
  channel.close();
  consuming.clear();
  EXPECT_EQ(count, producers * values_each);
  EXPECT_EQ(sum, long{producers} * values_each * (values_each + 1) / 2);
}

}  // namespace
}  // namespace holdfast

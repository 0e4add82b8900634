// SPDX-License-Identifier: Apache-2.0
#include "storage/limit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "storage/fake_pacing.h"
#include "storage/memory.h"

namespace holdfast::storage {
namespace {

using namespace std::chrono_literals;

FileRef pack(unsigned number) {
  std::string name = std::to_string(1000 + number);
  name.resize(64, '0');
  return {FileKind::pack, name};
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

TEST(LimitStorage, KeepsTheUploadRate) {
  FakeClock clock;
  LimitStorage storage(std::make_unique<MemoryStorage>(), Rates{1'000'000, 0}, clock.pacing());
  for (unsigned number = 0; number < 10; ++number) storage.put(pack(number), Bytes(1'000'000));
  EXPECT_NEAR(seconds(clock.slept()), 9.75, 0.01) << "ten seconds less what the bucket held";
  Bytes out(1'000'000);
  storage.read(pack(0), 0, out);
  EXPECT_NEAR(seconds(clock.slept()), 9.75, 0.01) << "reading is not limited";
}

TEST(LimitStorage, KeepsTheDownloadRate) {
  FakeClock clock;
  LimitStorage storage(std::make_unique<MemoryStorage>(), Rates{0, 500'000}, clock.pacing());
  storage.put(pack(0), Bytes(1'000'000));
  EXPECT_EQ(clock.slept(), 0ns);
  Bytes out(1'000'000);
  storage.read(pack(0), 0, out);
  EXPECT_NEAR(seconds(clock.slept()), 1.75, 0.01);
}

TEST(LimitStorage, KeepsOneRateForAllThreads) {
  FakeClock clock;
  LimitStorage storage(std::make_unique<MemoryStorage>(), Rates{1'000'000, 0}, clock.pacing());
  {
    std::vector<std::jthread> crew;
    for (unsigned number = 0; number < 8; ++number) {
      crew.emplace_back([&, number] { storage.put(pack(number), Bytes(1'000'000)); });
    }
  }
  EXPECT_GE(seconds(clock.slept()), 7.74);
}

TEST(LimitStorage, LetsLocksPass) {
  FakeClock clock;
  LimitStorage storage(std::make_unique<MemoryStorage>(), Rates{1, 1}, clock.pacing());
  storage.put({FileKind::lock, std::string(64, 'a')}, as_bytes("a lock that must be refreshed"));
  EXPECT_EQ(clock.slept(), 0ns);
}

TEST(TokenBucket, GivesABurstAfterAPause) {
  FakeClock clock;
  TokenBucket bucket(1000);
  bucket.take(1250, clock.pacing());
  EXPECT_EQ(clock.slept(), 1s);
  clock.pacing().sleep(10s);
  bucket.take(250, clock.pacing());
  EXPECT_EQ(clock.slept(), 11s);
}

TEST(TokenBucket, SurvivesTheLargestSize) {
  FakeClock clock;
  TokenBucket bucket(1);
  bucket.take(std::numeric_limits<std::uint64_t>::max(), clock.pacing());
  EXPECT_GT(clock.slept(), 24h);
}

}  // namespace
}  // namespace holdfast::storage

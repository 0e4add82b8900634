// SPDX-License-Identifier: Apache-2.0
#include "storage/pacing.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"

namespace holdfast::storage {
namespace {

TEST(Pacing, SleepsAtLeastAsLongAsAsked) {
  const Pacing pacing = real_pacing();
  const auto before = pacing.clock->steady();
  pacing.sleep(std::chrono::milliseconds(5));
  EXPECT_GE(pacing.clock->steady() - before, std::chrono::milliseconds(5));
}

TEST(Pacing, EndsASleepAtAStopRequest) {
  std::stop_source stop;
  const Pacing pacing = real_pacing(stop.get_token());
  const std::jthread stopper([&] { stop.request_stop(); });
  try {
    pacing.sleep(std::chrono::hours(1));
    ADD_FAILURE() << "the sleep was not ended";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
  }
}

TEST(Pacing, LetsASleepLastWhereItMust) {
  std::stop_source stop;
  stop.request_stop();
  const Pacing pacing = real_pacing(stop.get_token());
  {
    const LastingPauses lasting;
    const auto before = pacing.clock->steady();
    EXPECT_NO_THROW(pacing.sleep(std::chrono::milliseconds(5)));
    EXPECT_GE(pacing.clock->steady() - before, std::chrono::milliseconds(5));
    std::jthread([&] {
      EXPECT_THROW(pacing.sleep(std::chrono::milliseconds(5)), Error) << "another thread";
    });
  }
  EXPECT_THROW(pacing.sleep(std::chrono::milliseconds(5)), Error);
}

}  // namespace
}  // namespace holdfast::storage

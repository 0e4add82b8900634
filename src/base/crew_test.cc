// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <stdexcept>

#include "base/channel.h"
#include "base/error.h"

namespace holdfast {
namespace {

// Waits until a stop is requested.
void wait_for(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop, [] { return false; });
}

TEST(Crew, JoinsWithoutErrorWhenAllWorkIsDone) {
  std::atomic<int> done = 0;
  Crew crew;
  for (int i = 0; i < 5; ++i) crew.start([&](const std::stop_token&) { ++done; });
  crew.join();
  EXPECT_EQ(done, 5);
  EXPECT_FALSE(crew.stop_token().stop_requested());
}

TEST(Crew, AnErrorStopsTheOthersAndCrossesIntact) {
  Crew crew;
  crew.start([](const std::stop_token& stop) { wait_for(stop); });
  crew.start([](const std::stop_token& stop) { wait_for(stop); });
  crew.start([](const std::stop_token&) {
    in_context("reading pack 3f2a",
               [] { throw Error(Errc::corrupt, "pack 3f2a is damaged").set_hint("Run check."); });
  });
  try {
    crew.join();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_STREQ(error.what(), "pack 3f2a is damaged (while reading pack 3f2a); Run check.");
  }
  EXPECT_TRUE(crew.stop_token().stop_requested());
}

TEST(Crew, TheFirstErrorWins) {
  Crew crew;
  std::atomic<bool> is_first_done = false;
  crew.start([&](const std::stop_token&) {
    is_first_done.wait(false);
    throw Error(Errc::io, "second");
  });
  crew.fail(std::make_exception_ptr(Error(Errc::no_space, "first")));
  is_first_done = true;
  is_first_done.notify_all();
  try {
    crew.join();
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "first");
  }
}

TEST(Crew, CarriesForeignExceptionsToo) {
  Crew crew;
  crew.start([](const std::stop_token&) { throw std::out_of_range("x"); });
  EXPECT_THROW(crew.join(), std::out_of_range);
}

TEST(Crew, RequestStopEndsWithoutError) {
  Crew crew;
  crew.start([](const std::stop_token& stop) { wait_for(stop); });
  crew.request_stop();
  EXPECT_NO_THROW(crew.join());
}

TEST(Crew, ItsEndStopsAndJoins) {
  std::atomic<int> ended = 0;
  {
    Crew crew;
    for (int i = 0; i < 3; ++i) {
      crew.start([&](const std::stop_token& stop) {
        wait_for(stop);
        ++ended;
      });
    }
  }
  EXPECT_EQ(ended, 3);
}

TEST(Crew, AnOwnerThatUnwindsWakesThoseWhoWaitOnHisChannel) {
  Channel<int> channel(10);
  std::atomic<int> failures = 0;
  const auto produce = [&] {
    Crew crew([&] {
      ++failures;
      channel.abandon();
    });
    crew.start([&](const std::stop_token&) {
      while (channel.pop()) {
      }
    });
    throw Error(Errc::io, "the producer's own");
  };
  EXPECT_THROW(produce(), Error);
  EXPECT_EQ(failures, 1);
}

TEST(Crew, AThrowingConsumerBreaksTheWholeLine) {
  for (int round = 0; round < 20; ++round) {
    Channel<int> channel(8);
    std::atomic<int> failures = 0;
    std::atomic<int> consumed = 0;
    Crew crew([&] {
      ++failures;
      channel.abandon();
    });
    for (int i = 0; i < 3; ++i) {
      crew.start([&](const std::stop_token&) {
        while (channel.push(1, 1)) {
        }
      });
    }
    for (int i = 0; i < 4; ++i) {
      crew.start([&](const std::stop_token&) {
        while (channel.pop()) {
          if (++consumed >= 50) throw Error(Errc::no_space, "disk full");
        }
      });
    }
    try {
      crew.join();
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::no_space);
    }
    EXPECT_EQ(failures, 1);
  }
}

TEST(Cores, ThereIsAtLeastOne) {
  EXPECT_GE(cores_available(), 1U);
}

}  // namespace
}  // namespace holdfast

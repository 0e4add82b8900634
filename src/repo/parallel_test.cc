// SPDX-License-Identifier: Apache-2.0
#include "repo/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "base/error.h"
#include "repo/test_repository.h"

namespace holdfast::repo {
namespace {

TEST(Parallel, CallsEachItemOnce) {
  for (const unsigned threads : {1U, 3U}) {
    std::vector<std::atomic<int>> calls(1000);
    std::atomic<int> workers{0};
    for_each_parallel(calls.size(), threads, {}, [&] {
      ++workers;
      return [&](std::size_t item) { ++calls[item]; };
    });
    for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
    EXPECT_LE(workers, static_cast<int>(threads));
  }
  for_each_parallel(0, 4, {}, [] { return [](std::size_t) { FAIL() << "there is no item"; }; });
}

TEST(Parallel, EndsWithTheFirstError) {
  std::atomic<int> calls{0};
  EXPECT_EQ(code_thrown([&] {
              for_each_parallel(100'000, 3, {}, [&] {
                return [&](std::size_t item) {
                  ++calls;
                  if (item == 10) throw Error(Errc::corrupt, "this one is bad");
                };
              });
            }),
            Errc::corrupt);
  EXPECT_LT(calls, 100'000);
}

TEST(Parallel, EndsWhenStopped) {
  for (const unsigned threads : {1U, 3U}) {
    std::stop_source source;
    EXPECT_EQ(code_thrown([&] {
                for_each_parallel(1'000'000, threads, source.get_token(), [&] {
                  return [&](std::size_t item) {
                    if (item == 100) source.request_stop();
                  };
                });
              }),
              Errc::cancelled);
  }
}

}  // namespace
}  // namespace holdfast::repo

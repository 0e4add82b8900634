// SPDX-License-Identifier: Apache-2.0
#include "archive/read_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <string>
#include <thread>

#include "base/error.h"

namespace holdfast::archive {
namespace {

// Blocks of the same size, each of one letter.
std::vector<std::uint64_t> ends_of(std::size_t count, std::uint64_t size_bytes) {
  std::vector<std::uint64_t> ends;
  for (std::size_t i = 1; i <= count; ++i) ends.push_back(i * size_bytes);
  return ends;
}
Bytes block(std::size_t number, std::size_t size_bytes) {
  return Bytes(size_bytes, static_cast<std::byte>('a' + number % 26));
}

TEST(ReadAhead, GivesTheBlocksInOrderAndThenTheEnd) {
  ReadAhead source(ends_of(100, 7),
                   [] { return [](std::size_t number) { return block(number, 7); }; });
  std::string expected;
  for (std::size_t i = 0; i < 100; ++i) expected += as_text(block(i, 7));
  EXPECT_EQ(as_text(read_all(source, 1000)), expected);
  Bytes more(1);
  EXPECT_EQ(source.read(more), 0U);
}

TEST(ReadAhead, HoldsNoMoreThanItsBound) {
  std::atomic<std::size_t> loaded{0};
  ReadAhead source(ends_of(1000, 10),
                   [&] {
                     return [&](std::size_t number) {
                       ++loaded;
                       return block(number, 10);
                     };
                   },
                   {.bytes_max = 50, .threads = 3});
  Bytes into(10);
  for (std::size_t taken = 1; taken <= 20; ++taken) {
    ASSERT_EQ(source.read(into), 10U);
    EXPECT_LE(loaded, taken + 4);
  }
}

// The reader would wait for ever for what no thread is left to load.
TEST(ReadAhead, PassesOnWhyNoThreadCouldBegin) {
  ReadAhead source(ends_of(3, 5),
                   []() -> ReadAhead::Load { throw Error(Errc::unavailable, "no codec today"); });
  Bytes into(5);
  try {
    static_cast<void>(source.read(into));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unavailable);
    EXPECT_EQ(error.message(), "no codec today");
  }
  EXPECT_THROW(static_cast<void>(source.read(into)), Error) << "and again";
}

TEST(ReadAhead, PassesOnWhyOneThreadCouldNotBegin) {
  std::atomic<unsigned> begun{0};
  ReadAhead source(ends_of(10'000, 5),
                   [&]() -> ReadAhead::Load {
                     if (begun++ == 1) throw std::bad_alloc();
                     return [](std::size_t number) { return block(number, 5); };
                   },
                   {.bytes_max = 10, .threads = 2});
  EXPECT_THROW(static_cast<void>(read_all(source, 1U << 20U)), std::bad_alloc);
}

TEST(ReadAhead, ThrowsWhereABlockCannotBeHadAndNotBefore) {
  ReadAhead source(ends_of(10, 5), [] {
    return [](std::size_t number) {
      if (number == 3) throw Error(Errc::corrupt, "damaged");
      return block(number, 5);
    };
  });
  Bytes into(5);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(source.read(into), 5U);
  EXPECT_THROW(static_cast<void>(source.read(into)), Error);
  EXPECT_THROW(static_cast<void>(source.read(into)), Error) << "what comes behind is never given";
}

TEST(ReadAhead, EndsItsThreadsWhenItIsLetGoInTheMiddle) {
  for (int i = 0; i < 50; ++i) {
    auto source = std::make_unique<ReadAhead>(
        ends_of(1000, 10), [] { return [](std::size_t number) { return block(number, 10); }; });
    Bytes into(3);
    EXPECT_EQ(source->read(into), 3U);
  }
}

}  // namespace
}  // namespace holdfast::archive

// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <gtest/gtest.h>

#include <functional>
#include <stop_token>

#include "base/error.h"

namespace holdfast::engine {
namespace {

// Whether something goes on where nobody else will ever let it.
bool goes_on(const std::function<void(const std::stop_token&)>& ask) {
  std::stop_source stopped;
  stopped.request_stop();
  try {
    ask(stopped.get_token());
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
    return false;
  }
}

bool is_had(WideRowTurn& turn, std::size_t arrived_bytes) {
  return goes_on([&](const std::stop_token& stop) { turn.take(arrived_bytes, stop); });
}

bool is_had_unseen(WideRowTurn& turn) {
  return goes_on([&](const std::stop_token& stop) { turn.take_unseen(stop); });
}

TEST(WideRowTurn, LetsNarrowRowsPass) {
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had(one, wide_row_bytes));
  EXPECT_TRUE(is_had(other, wide_row_bytes - 1));
  other.got(wide_row_bytes - 1, {});
  EXPECT_FALSE(other.wide());
}

TEST(WideRowTurn, LetsOneWideRowInAtATime) {
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had(one, wide_row_bytes));
  EXPECT_FALSE(is_had(other, wide_row_bytes));
  one.got(wide_rows_beside_bytes + 1, {});
  EXPECT_FALSE(is_had(other, wide_row_bytes)) << "its memory is not free";
  one.got(1, {});
  EXPECT_FALSE(is_had(other, wide_row_bytes)) << "a narrow row frees nothing";
  one.done();
  EXPECT_FALSE(one.wide());
  EXPECT_TRUE(is_had(other, wide_row_bytes));
}

TEST(WideRowTurn, CountsRowsThatFitBesideEachOther) {
  constexpr std::size_t third = wide_rows_beside_bytes / 3;
  WideRowTurn turns[4];
  for (WideRowTurn& turn : turns) {
    EXPECT_TRUE(is_had(turn, wide_row_bytes));
    turn.got(third, {});
    EXPECT_TRUE(turn.wide());
  }
  // The fourth fitted no more, and keeps its turn.
  WideRowTurn fifth;
  EXPECT_FALSE(is_had(fifth, wide_row_bytes));
  // Another row of what is counted already needs nothing.
  EXPECT_TRUE(is_had(turns[0], third - 1));
  turns[0].done();
  turns[3].got(1, {});  // now it fits
  EXPECT_TRUE(is_had(fifth, wide_row_bytes));
}

TEST(WideRowTurn, LetsOneAtATimeTakeWhatItCannotSee) {
  constexpr std::size_t some = 200'000;
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had_unseen(one));
  EXPECT_FALSE(is_had_unseen(other));
  one.pass(some);
  EXPECT_FALSE(is_had_unseen(other)) << "that may become a wide row";
  one.got(some, {});
  ASSERT_TRUE(is_had_unseen(other)) << "it was none";
  other.pass(1'000);
  ASSERT_TRUE(is_had_unseen(one)) << "that may be any row";
}

TEST(WideRowTurn, LetsOthersGoOnOnceAWideRowIsWorkedOff) {
  WideRowTurn one;
  WideRowTurn other;
  WideRowTurn third;
  ASSERT_TRUE(is_had_unseen(one));
  one.got(wide_rows_beside_bytes + 1, {});
  EXPECT_FALSE(is_had_unseen(other)) << "it is worked on";
  one.pass(0);
  ASSERT_TRUE(is_had_unseen(other));
  other.got(wide_rows_beside_bytes + 2, {});
  other.pass(0);
  EXPECT_FALSE(is_had_unseen(third)) << "the buffers of two wide rows are not free";
  EXPECT_FALSE(is_had_unseen(one));
  EXPECT_TRUE(is_had_unseen(other)) << "it has the turn";
  one.done();
  other.pass(0);
  ASSERT_TRUE(is_had_unseen(third));
}

TEST(WideRowTurn, WaitsWithAWideRowThatCameWithoutATurn) {
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had_unseen(one));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_NO_THROW(other.got(wide_row_bytes, stopped.get_token())) << "it fits";
  EXPECT_THROW(other.got(wide_rows_beside_bytes + 1, stopped.get_token()), Error);
  one.done();
  other.got(wide_rows_beside_bytes + 1, {});
  EXPECT_FALSE(is_had_unseen(one));
}

TEST(WideRowTurn, HasTurnsOfItsOwnForEachWay) {
  WideRowTurn reading;
  WideRowTurn writing(WideRowTurn::Way::writing);
  EXPECT_TRUE(is_had(reading, wide_row_bytes));
  EXPECT_TRUE(is_had(writing, wide_row_bytes));
}

}  // namespace
}  // namespace holdfast::engine

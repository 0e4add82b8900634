// SPDX-License-Identifier: Apache-2.0
#include "engine/wide_row.h"

#include <gtest/gtest.h>

#include <stop_token>

#include "base/error.h"

namespace holdfast::engine {
namespace {

using Ask = void (WideRowTurn::*)(std::size_t arrived_bytes, const std::stop_token& stop);

// Whether that goes on where nobody else will ever let it.
bool goes_on(WideRowTurn& turn, Ask ask, std::size_t arrived_bytes) {
  std::stop_source stopped;
  stopped.request_stop();
  try {
    (turn.*ask)(arrived_bytes, stopped.get_token());
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::cancelled);
    return false;
  }
}

bool is_had(WideRowTurn& turn, std::size_t arrived_bytes) {
  return goes_on(turn, &WideRowTurn::take, arrived_bytes);
}

bool may_look(WideRowTurn& turn, std::size_t arrived_bytes) {
  return goes_on(turn, &WideRowTurn::look, arrived_bytes);
}

TEST(WideRowTurn, LetsNarrowRowsPass) {
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had(one, wide_row_bytes));
  EXPECT_TRUE(is_had(other, wide_row_bytes - 1));
  other.got(wide_row_bytes - 1);
  EXPECT_FALSE(other.wide());
}

TEST(WideRowTurn, LetsOneWideRowInAtATime) {
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(is_had(one, wide_row_bytes));
  EXPECT_FALSE(is_had(other, wide_row_bytes));
  one.got(wide_rows_beside_bytes + 1);
  EXPECT_FALSE(is_had(other, wide_row_bytes)) << "its memory is not free";
  one.got(1);
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
    turn.got(third);
    EXPECT_TRUE(turn.wide());
  }
  // The fourth fitted no more, and keeps its turn.
  WideRowTurn fifth;
  EXPECT_FALSE(is_had(fifth, wide_row_bytes));
  // Another row of what is counted already needs nothing.
  EXPECT_TRUE(is_had(turns[0], third - 1));
  turns[0].done();
  turns[3].got(1);  // now it fits
  EXPECT_TRUE(is_had(fifth, wide_row_bytes));
}

TEST(WideRowTurn, LetsOneLookAtATimeHowWideARowIs) {
  constexpr std::size_t some = 200'000;
  WideRowTurn one;
  WideRowTurn other;
  ASSERT_TRUE(may_look(one, some));
  EXPECT_FALSE(may_look(other, some));
  EXPECT_TRUE(may_look(other, 1'000)) << "that may be any row";
  one.got(some);
  ASSERT_TRUE(may_look(other, some)) << "it was no wide one";
  // What came was wide after all, and nobody else has the turn.
  other.got(wide_rows_beside_bytes + 1);
  EXPECT_TRUE(may_look(one, some));
  EXPECT_FALSE(is_had(one, wide_row_bytes));
  // Who has the turn looks no more.
  EXPECT_TRUE(may_look(other, some));
}

TEST(WideRowTurn, KeepsARowThatCameAtOnceUntilThereIsRoom) {
  constexpr std::size_t some = 200'000;
  WideRowTurn one;
  WideRowTurn other;
  WideRowTurn third;
  ASSERT_TRUE(is_had(one, wide_row_bytes));
  one.got(wide_rows_beside_bytes + 1);
  ASSERT_TRUE(may_look(other, some));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_THROW(other.got(wide_rows_beside_bytes + 1, stopped.get_token()), Error);
  EXPECT_FALSE(may_look(third, some)) << "its memory is not free";
  other.done();
  EXPECT_TRUE(may_look(third, some));
}

TEST(WideRowTurn, HasTurnsOfItsOwnForEachWay) {
  WideRowTurn reading;
  WideRowTurn writing(WideRowTurn::Way::writing);
  EXPECT_TRUE(is_had(reading, wide_row_bytes));
  EXPECT_TRUE(is_had(writing, wide_row_bytes));
}

}  // namespace
}  // namespace holdfast::engine

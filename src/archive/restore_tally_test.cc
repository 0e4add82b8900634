// SPDX-License-Identifier: Apache-2.0
#include "archive/restore_tally.h"

#include <gtest/gtest.h>

namespace holdfast::archive {
namespace {

TEST(RestoreTally, CountsForTheReportAndTheObserver) {
  model::SilentObserver observer;
  RestoreTally tally(observer);
  tally.expect(10);
  tally.expect(5);
  tally.wrote(10);
  tally.done("/a", model::ItemAction::restored, 10);
  tally.skipped("/b", 7);
  tally.deleted("c");
  tally.failed("/d", "writing", Error(Errc::io, "broken"));
  const RestoreReport report = tally.report();
  EXPECT_EQ(report.files_total, 2U);
  EXPECT_EQ(report.files_restored, 1U);
  EXPECT_EQ(report.files_skipped, 1U);
  EXPECT_EQ(report.files_deleted, 1U);
  EXPECT_EQ(report.bytes_total, 15U);
  EXPECT_EQ(report.bytes_restored, 10U);
  EXPECT_EQ(report.bytes_skipped, 7U);
  EXPECT_EQ(report.items_failed, 1U);
  EXPECT_EQ(observer.files_total, 2U);
  EXPECT_EQ(observer.bytes_total, 15U);
  EXPECT_EQ(observer.files_done, 1U);
  EXPECT_EQ(observer.errors, 1U);
}

TEST(RestoreTally, EndsTheRestoreWhereMoreOfTheSameWouldFollow) {
  model::SilentObserver observer;
  RestoreTally tally(observer);
  for (const Errc code :
       {Errc::no_space, Errc::cancelled, Errc::unavailable, Errc::bug, Errc::locked}) {
    EXPECT_THROW(tally.failed("/x", "writing", Error(code, "over")), Error) << errc_name(code);
  }
  for (const Errc code : {Errc::io, Errc::denied, Errc::corrupt, Errc::exists, Errc::not_found}) {
    EXPECT_NO_THROW(tally.failed("/x", "writing", Error(code, "one")));
  }
  EXPECT_EQ(tally.report().items_failed, 5U);
}

}  // namespace
}  // namespace holdfast::archive

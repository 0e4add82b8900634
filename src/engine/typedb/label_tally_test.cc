// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/label_tally.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

TEST(TypedbLabels, AreCountedByKindAndListedByName) {
  LabelTally tally;
  ++tally.count(ItemKind::attribute, "x");
  ++tally.count(ItemKind::entity, "b");
  ++tally.count(ItemKind::entity, "a");
  ++tally.count(ItemKind::entity, "b");
  EXPECT_EQ(tally.count(ItemKind::unknown, "r:x"), 0U);
  std::string all;
  for (const LabelCount& one : tally.counts())
    all += fmt::format("{} {} {};", item_kind_name(one.kind), one.label, one.count);
  EXPECT_EQ(all, "entity a 1;entity b 2;attribute x 1;unknown r:x 0;");
}

TEST(TypedbLabels, AreCountedHoweverManyTakeTurns) {
  LabelTally tally;
  for (int turn = 0; turn < 3; ++turn)
    for (int i = 0; i < 7; ++i) ++tally.count(ItemKind::relation, fmt::format("label {}", i));
  for (const LabelCount& one : tally.counts()) EXPECT_EQ(one.count, 3U) << one.label;
  EXPECT_EQ(tally.counts().size(), 7U);
}

TEST(TypedbLabels, TakeNoMoreMemoryThanAFileIsWorth) {
  LabelTally tally;
  const auto add = [&](std::size_t number) {
    ++tally.count(ItemKind::entity, fmt::format("{:0{}}", number, label_bytes_max));
  };
  for (std::size_t i = 0; i < labels_bytes_max / label_bytes_max; ++i) add(i);
  EXPECT_THROW(add(labels_bytes_max), Error);
  add(1);  // known already
}

TEST(TypedbLabels, AreNotOfAnyLength) {
  LabelTally tally;
  EXPECT_EQ(tally.count(ItemKind::entity, std::string(label_bytes_max, 'x')), 0U);
  EXPECT_THROW(
      static_cast<void>(tally.count(ItemKind::entity, std::string(label_bytes_max + 1, 'x'))),
      Error);
}

}  // namespace
}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
// Damages packages: what is cut off is always reported; a changed byte is reported, or what is told
// is the same.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/sqlserver/bak/test_bak_damage.h"
#include "engine/sqlserver/dac/test_dac.h"

namespace holdfast::engine::sqlserver::test {

inline Told told_of_package(std::string_view content, DacDepth depth = DacDepth::digested) {
  Told told;
  try {
    const Inspection found = tell_package(content, depth);
    told.is_recognised = !found.kind.empty();
    told.is_whole = found.whole;
    for (const model::Finding& one : found.findings) told.findings[one.code] += one.seen;
    told.facts = found.facts.dump();
    for (const model::TableFacts& table : found.tables) told.facts += table.digest;
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
  }
  return told;
}

inline void flip_in_package(std::string_view content, std::size_t at, unsigned mask,
                            const Told& before) {
  std::string damaged(content);
  damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ mask);
  const Told told = told_of_package(damaged);
  EXPECT_TRUE(told.is_recognised) << "byte " << at << " changed by " << mask;
  EXPECT_TRUE(told.findings != before.findings || told.facts == before.facts)
      << "byte " << at << " changed by " << mask << "\n"
      << told.facts << "\n"
      << before.facts;
}

inline void cut_package(std::string_view content, std::size_t size) {
  for (const DacDepth depth : {DacDepth::outline, DacDepth::digested}) {
    const Told told = told_of_package(content.substr(0, size), depth);
    EXPECT_FALSE(told.is_whole) << "cut at byte " << size;
    EXPECT_TRUE(!told.is_recognised || told.findings.contains("sqlserver-dac-truncated"))
        << "cut at byte " << size;
  }
}

// `count` changed bytes and cuts; in a soak all of them.
inline void damage_package(std::string_view content, std::size_t count) {
  const Told before = told_of_package(content);
  ASSERT_TRUE(before.is_whole);
  std::mt19937_64 random(20261122);
  for (std::size_t i = 0; i < count && !::testing::Test::HasFailure(); ++i) {
    if (random() % 3 == 0)
      cut_package(content, random() % content.size());
    else
      flip_in_package(content, random() % content.size(), static_cast<unsigned>(1 + random() % 255),
                      before);
  }
  if (!is_soak()) return;
  for (std::size_t at = 0; at < content.size() && !::testing::Test::HasFailure(); ++at) {
    flip_in_package(content, at, 1U << at % 8, before);
    cut_package(content, at);
  }
}

}  // namespace holdfast::engine::sqlserver::test

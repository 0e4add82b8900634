// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/sqlserver/bak/test_bak_damage.h"

namespace holdfast::engine::sqlserver::test {
namespace {

constexpr std::size_t damages = 400;

TestBak small() {
  TestBak bak;
  bak.sets[0].pages = 9;
  return bak;
}

TEST(BakDamage, OfAPlainBackupIsReportedOrChangesNothing) {
  const std::string content = small().plain();
  damage(content, structure_of_plain(content), damages);
}

TEST(BakDamage, OfACompressedBackupIsReportedOrChangesNothing) {
  const std::string content = small().packed();
  damage(content, structure_of_packed(content), damages);
}

TEST(BakDamage, OfABackupWithoutAnIndexIsReportedOrChangesNothing) {
  TestBak bak = small();
  bak.has_index = false;
  const std::string content = bak.packed();
  damage(content, structure_of_packed(content), damages);
}

// Whatever is in it, there is an end, and no other error than a finding.
TEST(BakDamage, OfAnyKindEndsInAReport) {
  std::mt19937_64 random(7);
  for (const std::string& content : {small().plain(), small().packed()}) {
    for (int i = 0; i < 300; ++i) {
      std::string damaged = content;
      for (int k = 0; k < 3; ++k)
        damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
      const Told told = tell(damaged, i % 2 == 0);
      EXPECT_TRUE(told.is_whole || !told.is_recognised || !told.findings.empty());
    }
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver::test

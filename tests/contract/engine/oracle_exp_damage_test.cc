// SPDX-License-Identifier: Apache-2.0
// Damage of every kind, done to synthetic and to genuine dumps: it is told, or it does no harm.
//
// Told: the file is no dump any more, or a finding is there that was not there before. Harmless:
// all that the file is made of is as it was: the same tables under the same names, with as many
// partitions and rows, the same columns of the same types, as many objects of each kind. Then what
// was changed lies within a value, the text of a statement, the name of a user (which stands once,
// before all that is his) or the zero fill, which have no redundancy that could tell, or in a part
// of the header that says nothing of the content. Where a length, a count or a mark was changed,
// every value must be as it was too. A cut and a transfer as text are never harmless.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/test_soak.h"
#include "engine/oracle/exp_examine.h"
#include "engine/oracle/test_exp.h"
#include "tests/harness/foreign_fixtures.h"

namespace holdfast::engine::oracle {
namespace {

using holdfast::test::is_soak;

// What a dump is made of, in words.
struct Outline {
  bool is_dump = false;
  std::set<std::string> findings;
  std::vector<std::string> parts;
  std::vector<std::string> digests;
};

Outline outline_of(std::string_view content) {
  Outline outline;
  outline.is_dump = begins_as_exp(as_bytes(content.substr(0, exp_front_bytes)));
  if (!outline.is_dump) return outline;
  BytesSource source(as_bytes(content));
  const ExpReport report = examine_exp(source, ExpDepth::digested, {});
  for (const model::Finding& finding : report.findings)
    outline.findings.insert(finding.code + finding.seen);
  std::map<std::string, std::size_t> users;  // numbered as they come
  for (const ExpTable& table : report.tables) {
    const std::size_t user = users.emplace(table.schema, users.size()).first->second;
    outline.parts.push_back(std::to_string(user) + "." + table.table);
    outline.digests.push_back(table.digest.hex());
    for (const ExpPartition& partition : table.partitions)
      outline.parts.push_back(std::to_string(partition.rows));
    for (const ExpColumn& column : table.columns)
      outline.parts.push_back(column.name + " " + std::to_string(column.type) + " " +
                              std::to_string(column.charset));
  }
  for (const model::ObjectFacts& object : report.objects) outline.parts.push_back(object.kind);
  return outline;
}

class OracleExpDamage : public ::testing::Test {
 protected:
  void take(std::string content) {
    whole_ = std::move(content);
    before_ = outline_of(whole_);
    ASSERT_TRUE(before_.is_dump);
  }
  [[nodiscard]] bool is_told(const Outline& after) const {
    return !after.is_dump || !std::ranges::includes(before_.findings, after.findings);
  }
  [[nodiscard]] bool is_told(std::string_view damaged) const {
    return is_told(outline_of(damaged));
  }
  [[nodiscard]] bool is_told_or_harmless(std::string_view damaged) const {
    const Outline after = outline_of(damaged);
    return is_told(after) || after.parts == before_.parts;
  }
  [[nodiscard]] bool is_told_or_the_same(std::string_view damaged) const {
    const Outline after = outline_of(damaged);
    return is_told(after) || (after.parts == before_.parts && after.digests == before_.digests);
  }
  [[nodiscard]] std::string flipped(std::size_t at, unsigned bits) const {
    std::string damaged = whole_;
    damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ bits);
    return damaged;
  }
  // A part of it as if transferred as text.
  [[nodiscard]] std::string with_carriage_returns(std::size_t from) const {
    std::string damaged = whole_.substr(0, from);
    for (const char c : whole_.substr(from)) {
      if (c == '\n') damaged += '\r';
      damaged += c;
    }
    return damaged;
  }
  [[nodiscard]] std::string without_carriage_returns() const {
    std::string damaged;
    for (std::size_t i = 0; i < whole_.size(); ++i)
      if (!std::string_view(whole_).substr(i).starts_with("\r\n")) damaged += whole_[i];
    return damaged;
  }

  void try_transfers() {
    EXPECT_TRUE(is_told(with_carriage_returns(0)));
    if (without_carriage_returns() != whole_) {
      EXPECT_TRUE(is_told(without_carriage_returns()));
    }
  }
  // Cuts and flips at random places, always the same ones.
  void try_sample(unsigned seed, int count) {
    std::minstd_rand random(seed);
    std::uniform_int_distribution<std::size_t> place(0, whole_.size() - 1);
    std::uniform_int_distribution<unsigned> bits(1, 255);
    for (int i = 0; i < count; ++i) {
      const std::size_t cut = place(random);
      EXPECT_TRUE(is_told(whole_.substr(0, cut))) << "cut at " << cut;
      const std::size_t at = place(random);
      const unsigned mask = bits(random);
      EXPECT_TRUE(is_told_or_harmless(flipped(at, mask))) << "flip of " << mask << " at " << at;
      if (i % 20 == 0 && whole_.find('\n', at) != std::string::npos) {
        EXPECT_TRUE(is_told(with_carriage_returns(at))) << "as text from " << at;
      }
    }
  }
  void try_all() {
    for (std::size_t at = 0; at < whole_.size(); ++at) {
      EXPECT_TRUE(is_told(whole_.substr(0, at))) << "cut at " << at;
      const unsigned mask = 1U << at % 8;
      EXPECT_TRUE(is_told_or_harmless(flipped(at, mask))) << "flip of " << mask << " at " << at;
    }
  }

  std::string whole_;
  Outline before_;
};

std::vector<test::ExpOptions> variants() {
  return {
      {},
      {.version = "10.02.01", .user_flag = 'D', .client = 1, .database = 178, .is_direct = true},
      {.version = "08.01.05", .client = 31, .database = 31, .national = 31, .has_strings = false}};
}

TEST_F(OracleExpDamage, EveryBoundaryOfASyntheticDumpCounts) {
  for (const test::ExpOptions& options : variants()) {
    const test::TestExp dump = test::sample_exp(options);
    take(dump.finish());
    for (const std::size_t at : dump.boundaries())
      for (const std::size_t cut : {at - 1, at, at + 1})
        EXPECT_TRUE(is_told(whole_.substr(0, cut))) << "cut at " << cut;
    try_transfers();
  }
}

TEST_F(OracleExpDamage, EveryLengthOfASyntheticDumpCounts) {
  for (const test::ExpOptions& options : variants()) {
    const test::TestExp dump = test::sample_exp(options);
    take(dump.finish());
    for (const std::size_t at : dump.structure_bytes())
      for (const unsigned mask : {1U, 2U, 0x80U, 0xffU})
        EXPECT_TRUE(is_told_or_the_same(flipped(at, mask))) << "flip of " << mask << " at " << at;
  }
}

TEST_F(OracleExpDamage, ASampleOfASyntheticDump) {
  unsigned seed = 1;
  for (const test::ExpOptions& options : variants()) {
    take(test::sample_exp(options).finish());
    if (is_soak())
      try_all();
    else
      try_sample(seed++, 300);
  }
}

TEST_F(OracleExpDamage, EveryByteOfTheSmallestGenuineDump) {
  const auto file = holdfast::test::foreign_fixture("oracle/exp-10.2-empty-schema.dmp");
  if (!file) GTEST_SKIP() << "there is no genuine exp-10.2-empty-schema.dmp";
  take(read_text_file(*file));
  // All of it but the zero fill is structure.
  std::size_t flips = 0;
  for (std::size_t at = 0; at < whole_.size(); ++at) {
    if (at % 16 == 0 || whole_[at] != '\0') {
      EXPECT_TRUE(is_told(whole_.substr(0, at))) << "cut at " << at;
    }
    if (whole_[at] == '\0' && !is_soak()) continue;
    ++flips;
    EXPECT_TRUE(is_told_or_harmless(flipped(at, 0x21))) << "flip at " << at;
  }
  EXPECT_GT(flips, 400U);
  try_transfers();
}

TEST_F(OracleExpDamage, ASampleOfTheOtherGenuineDumps) {
  unsigned seed = 100;
  for (const char* name : {"exp-11.2-clob-utf8.dmp", "exp-12.1-mixed-types.dmp", "exp-19-hr.dmp",
                           "exp-23.0-partitions.dmp"}) {
    const auto file = holdfast::test::foreign_fixture(std::string("oracle/") + name);
    if (!file) GTEST_SKIP() << "there is no genuine " << name;
    SCOPED_TRACE(name);
    take(read_text_file(*file));
    try_transfers();
    if (is_soak())
      try_all();
    else
      try_sample(seed++, 250);
  }
}

}  // namespace
}  // namespace holdfast::engine::oracle

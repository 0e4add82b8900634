// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bak/bak_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/error.h"
#include "engine/sqlserver/bak/test_bak.h"

namespace holdfast::engine::sqlserver {
namespace {

std::optional<BakReport> pass(std::string_view content, std::size_t piece) {
  BakStream stream;
  for (std::size_t at = 0; at < content.size(); at += piece)
    stream.write(as_bytes(content.substr(at, piece)));
  return stream.finish();
}

// What passes is told as a file at rest is, whatever the pieces it comes in.
void expect_the_same(std::string_view content, std::size_t piece) {
  test::MemoryFile file(content);
  const auto at_rest = read_bak(file, true, {});
  const auto passed = pass(content, piece);
  ASSERT_EQ(at_rest.has_value(), passed.has_value());
  if (!passed) return;
  EXPECT_EQ(passed->size_bytes, at_rest->size_bytes);
  EXPECT_EQ(passed->good_until, at_rest->good_until);
  EXPECT_EQ(passed->last_block, at_rest->last_block);
  ASSERT_EQ(passed->sets.size(), at_rest->sets.size());
  for (std::size_t i = 0; i < passed->sets.size(); ++i) {
    EXPECT_EQ(passed->sets[i].pages.right, at_rest->sets[i].pages.right);
    EXPECT_EQ(passed->sets[i].is_closed, at_rest->sets[i].is_closed);
  }
  ASSERT_EQ(passed->findings.size(), at_rest->findings.size());
  for (std::size_t i = 0; i < passed->findings.size(); ++i)
    EXPECT_EQ(passed->findings[i].seen, at_rest->findings[i].seen);
}

TEST(SqlServerBakStream, TellsWhatPassesAsItTellsAFileAtRest) {
  test::TestBak bak;
  bak.sets[0].sums = test::Sums::plain;
  test::TestBak large = bak;  // more than is kept
  large.sets[0].pages = 3000;
  for (const std::string& content : {bak.plain(), bak.packed(), large.plain(), large.packed(),
                                     std::string("no backup"), std::string()})
    for (const std::size_t piece :
         {std::size_t{777}, std::size_t{1} << 20U, std::size_t{64} << 20U})
      expect_the_same(content, piece);
}

TEST(SqlServerBakStream, TellsWhereWhatPassesIsCutOrDamaged) {
  test::TestBak bak;
  bak.sets[0].pages = 400;
  for (std::string content : {bak.plain(), bak.packed()}) {
    for (std::size_t cut = 1; cut < content.size(); cut += content.size() / 37)
      expect_the_same(std::string_view(content).substr(0, cut), 100'000);
    for (std::size_t at = 600; at < content.size(); at += content.size() / 23) {
      std::string changed = content;
      changed[at] = static_cast<char>(changed[at] ^ 0x10);
      expect_the_same(changed, 100'000);
    }
    expect_the_same(content + std::string(3'000'000, '\0'), 100'000);
    expect_the_same(content + std::string(20'000'000, 'x'), 1'000'000);
  }
}

TEST(SqlServerBakStream, EndsSoonAfterAStopRequest) {
  std::stop_source stop;
  BakStream stream(stop.get_token());
  stream.write(as_bytes(std::string_view("TAPE")));
  stop.request_stop();
  EXPECT_THROW(
      {
        stream.write(as_bytes(std::string_view("more")));
        static_cast<void>(stream.finish());
      },
      Error);
}

TEST(SqlServerBakStream, MayBeGivenUpAtAnyTime) {
  const std::string content = test::TestBak().plain();
  for (std::size_t count = 0; count < content.size(); count += content.size() / 9) {
    BakStream stream;
    stream.write(as_bytes(content).first(count));
  }
}

}  // namespace
}  // namespace holdfast::engine::sqlserver

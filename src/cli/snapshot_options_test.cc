// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot_options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

void nothing(Invocation&) {}
const Command verb{
    .name = "verb", .options = {snapshot_filter_options, exclude_options}, .run = nothing};

ParsedLine parse(const std::vector<std::string>& words, const Variables& variables) {
  static constexpr const Command* verbs[] = {&verb};
  static constexpr Option help[] = {Option{.name = "help", .letter = 'h'}};
  std::vector<std::string> all{"verb"};
  all.insert(all.end(), words.begin(), words.end());
  return parse_command_line(all, verbs, help, variables);
}

TEST(SnapshotFilter, ReadsHostsTagsAndPaths) {
  const Variables variables;
  const auto filter = snapshot_filter(
      parse({"-H", "a", "--host", "b", "--tag", "x, y", "--tag", "z", "--path", "/srv//a/."},
            variables)
          .arguments);
  EXPECT_EQ(filter.hosts, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(filter.tag_lists, (std::vector<std::vector<std::string>>{{"x", "y"}, {"z"}}));
  EXPECT_EQ(filter.paths, (std::vector<std::string>{"/srv/a"}));
}

TEST(SnapshotFilter, TakesTheHostOfTheVariableUnlessToldOtherwise) {
  Variables variables;
  variables.set("RESTIC_HOST", "env");
  EXPECT_EQ(snapshot_filter(parse({}, variables).arguments).hosts,
            (std::vector<std::string>{"env"}));
  EXPECT_TRUE(snapshot_filter(parse({"--host", ""}, variables).arguments).hosts.empty());
}

TEST(PathPatterns, ReadsFlagsAndFiles) {
  World world;
  const Variables variables;
  const std::string file = world.write("patterns", "\xef\xbb\xbf# comment\n\n*.tmp\n");
  const auto patterns = path_patterns(
      parse({"-e", "*.o", "--iexclude", "*.JPG", "--exclude-file", file}, variables).arguments,
      "exclude");
  EXPECT_TRUE(patterns.matches("/a/b.o"));
  EXPECT_TRUE(patterns.matches("/a/b.jpg"));
  EXPECT_TRUE(patterns.matches("/a/b.tmp"));
  EXPECT_FALSE(patterns.matches("/a/b.O"));
  EXPECT_FALSE(patterns.matches("/a/# comment"));
}

TEST(PathPatterns, NameTheOptionOfAMalformedPattern) {
  const Variables variables;
  try {
    static_cast<void>(path_patterns(parse({"-e", "[a"}, variables).arguments, "exclude"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::usage);
    EXPECT_NE(std::string(error.what()).find("--exclude"), std::string::npos);
  }
}

TEST(Tags, AreFlattened) {
  EXPECT_EQ(flat_tags({"a, b", "", "c,,d"}), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(LocalTime, IsReadInThisHostsZone) {
  const Timestamp time = parse_local_time("2012-11-01 22:08:41");
  EXPECT_EQ(to_display(time), "2012-11-01 22:08:41");
  for (const char* wrong :
       {"", "2012-11-01", "2012-11-01T22:08:41", "2012-13-01 00:00:00", "2012-02-30 00:00:00",
        "2012-11-01 24:00:00", "2012-11-01 22:08:41Z", "now"}) {
    EXPECT_THROW(static_cast<void>(parse_local_time(wrong)), Error) << wrong;
  }
}

TEST(LooseTime, IsADayOrMore) {
  const Timestamp moment = parse_local_time("2012-11-01 22:08:00");
  EXPECT_EQ(parse_loose_time("2012-11-01 22:08"), moment);
  EXPECT_EQ(parse_loose_time("01.11.2012 22:08:00"), moment);
  EXPECT_EQ(parse_loose_time("2012-11-01"), parse_local_time("2012-11-01 00:00:00"));
  EXPECT_EQ(parse_loose_time("01.11.2012"), parse_local_time("2012-11-01 00:00:00"));
  EXPECT_EQ(parse_loose_time("2012-11-01 22:08:41 UTC").seconds, 1'351'807'721);
  EXPECT_EQ(parse_loose_time("2012-11-01 23:08:41 +0100").seconds, 1'351'807'721);
  EXPECT_EQ(parse_loose_time("2012-11-01 18:38 -0330").seconds, 1'351'807'680);
  for (const char* wrong : {"", "2012", "2012-13-01", "2012-02-30", "1.11.2012", "2012-11-01 22",
                            "2012-11-01 25:00", "2012-11-01 22:08 CET", "2012-11-01 +0100",
                            "2012-11-01 22:08 +0100 x", "2012-11-01 22:08 +01:0"}) {
    EXPECT_THROW(static_cast<void>(parse_loose_time(wrong)), Error) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::cli

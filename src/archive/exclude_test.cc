// SPDX-License-Identifier: Apache-2.0
#include "archive/exclude.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace holdfast::archive {
namespace {

PatternList list_of(std::initializer_list<std::string_view> patterns, bool ignore_case = false) {
  PatternList list;
  for (const std::string_view pattern : patterns) list.add(pattern, ignore_case);
  return list;
}

bool matches(std::string_view pattern, std::string_view path) {
  return list_of({pattern}).matches(path);
}

bool may_match_below(std::string_view pattern, std::string_view path) {
  return list_of({pattern}).may_match_below(path);
}

TEST(PatternList, MatchesRelativePatternsAtAnyDepth) {
  EXPECT_TRUE(matches("*.o", "/src/lib/list.o"));
  EXPECT_FALSE(matches("*.a", "/src/lib/list.o"));
  EXPECT_TRUE(matches("lib/*.o", "/src/lib/list.o"));
  EXPECT_TRUE(matches("l?b/list.[a-o]", "/src/lib/list.o"));
  EXPECT_FALSE(matches("src/*.o", "/src/lib/list.o"));
  EXPECT_TRUE(matches("src", "/src"));
  EXPECT_FALSE(matches("", "/src"));
}

TEST(PatternList, MatchesAbsolutePatternsFromTheRoot) {
  EXPECT_TRUE(matches("/src/lib", "/src/lib"));
  EXPECT_TRUE(matches("/src/lib/", "/src/lib"));
  EXPECT_TRUE(matches("/src//./x/../lib", "/src/lib"));
  EXPECT_FALSE(matches("/lib", "/src/lib"));
  EXPECT_FALSE(matches("/src/*", "/src"));
  EXPECT_TRUE(matches("/*/lib", "/src/lib"));
}

TEST(PatternList, MatchesAllBelowAMatchedDirectory) {
  EXPECT_TRUE(matches("/src", "/src/lib/list.o"));
  EXPECT_TRUE(matches("lib", "/src/lib/deep/list.o"));
  EXPECT_TRUE(matches("/", "/src/lib"));
}

TEST(PatternList, LetsDoubleStarsStandForAnyNumberOfDirectories) {
  EXPECT_TRUE(matches("home/**/cache/*.tmp", "/home/ann/photos/deep/cache/x.tmp"));
  EXPECT_TRUE(matches("home/**/cache/*.tmp", "/home/cache/x.tmp"));
  EXPECT_FALSE(matches("home/**/cache/*.tmp", "/home/ann/x.tmp"));
  EXPECT_TRUE(matches("/a/**/b/**/c", "/a/x/b/y/z/c"));
  EXPECT_FALSE(matches("/a/**/b/**/c", "/a/x/c/y/z/b"));
  EXPECT_TRUE(matches("**", "/x"));
  EXPECT_TRUE(matches("/a/**", "/a"));
}

TEST(PatternList, ReadsGlobsAsGoDoes) {
  EXPECT_TRUE(matches("[^a]x", "/bx"));
  EXPECT_FALSE(matches("[^a]x", "/ax"));
  EXPECT_TRUE(matches("[!a]x", "/!x"));  // only ^ negates
  EXPECT_TRUE(matches("\\*", "/*"));
  EXPECT_FALSE(matches("\\*", "/x"));
  EXPECT_TRUE(matches("a*b*c", "/aXbXbYc"));
  EXPECT_FALSE(matches("a*b*c", "/aXbXbYcd"));
  EXPECT_TRUE(matches("?", "/\xc3\xa9"));  // one character, two bytes
  EXPECT_TRUE(matches("[\xc3\xa0-\xc3\xbf]", "/\xc3\xa9"));
  EXPECT_TRUE(matches("??", "/\xff\xfe"));  // not UTF-8: each byte is one
  EXPECT_TRUE(matches("a*", "/a\nb"));
}

TEST(PatternList, RefusesMalformedPatternsByName) {
  for (const std::string_view bad : {"test/[", "[]a]", "[a-]", "[-a]", "x[a", "**/x\\", "[\xff]"}) {
    try {
      static_cast<void>(list_of({bad}));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage);
      EXPECT_NE(error.message().find(bad), std::string::npos);
    }
  }
}

TEST(PatternList, LetsTheLastMatchingPatternWin) {
  const PatternList list = list_of({"*.log", "!keep.log", "/tmp/*"});
  EXPECT_TRUE(list.matches("/var/x.log"));
  EXPECT_FALSE(list.matches("/var/keep.log"));
  EXPECT_TRUE(list.matches("/tmp/keep.log"));
}

TEST(PatternList, SaysWhereToDescendForIncludes) {
  EXPECT_TRUE(may_match_below("lib", "/anything"));
  EXPECT_TRUE(may_match_below("/src/lib/x", "/src"));
  EXPECT_TRUE(may_match_below("/src/lib/x", "/src/lib"));
  EXPECT_TRUE(may_match_below("/src/lib", "/src/lib/x"));
  EXPECT_FALSE(may_match_below("/src/lib/x", "/src/bin"));
  EXPECT_TRUE(may_match_below("/src/**/x", "/src/a/b/c"));
  EXPECT_FALSE(may_match_below("/src/**/x", "/etc"));
  EXPECT_FALSE(PatternList().may_match_below("/src"));
}

TEST(PatternList, IgnoresCaseByUnicode) {
  const PatternList list = list_of({"*.JPG", "\xc3\x89t\xc3\xa9"}, true);
  EXPECT_TRUE(list.matches("/a/b.jpg"));
  EXPECT_TRUE(list.matches("/A/B.JpG"));
  EXPECT_TRUE(list.matches("/\xc3\xa9T\xc3\x89"));
  EXPECT_FALSE(matches("*.JPG", "/a/b.jpg"));
}

TEST(PatternList, KeepsCaselessPatternsAListOfTheirOwn) {
  PatternList list;
  list.add("*.log", false);
  list.add("!keep.log", true);
  EXPECT_TRUE(list.matches("/keep.log"));
}

TEST(PatternList, ReadsPatternFiles) {
  ::setenv("HOLDFAST_TEST_DIR", "data", 1);
  ::unsetenv("HOLDFAST_TEST_NONE");
  PatternList list;
  list.add_lines(
      "\xef\xbb\xbf# comment\n\n  *.tmp \r\n/srv/$HOLDFAST_TEST_DIR\n/x/${HOLDFAST_TEST_DIR}y\n"
      "cost$$\nend$\n/none/${HOLDFAST_TEST_NONE}z\n/bad/${}w",
      false);
  EXPECT_FALSE(list.matches("/# comment"));
  EXPECT_TRUE(list.matches("/a.tmp"));
  EXPECT_TRUE(list.matches("/srv/data"));
  EXPECT_TRUE(list.matches("/x/datay"));
  EXPECT_TRUE(list.matches("/cost$"));
  EXPECT_TRUE(list.matches("/end$"));
  EXPECT_TRUE(list.matches("/none/z"));
  EXPECT_TRUE(list.matches("/bad/w"));
}

TEST(PatternList, MatchesDeepPathsQuickly) {
  std::string path;
  for (int level = 0; level < 5000; ++level) path += "/a";
  EXPECT_FALSE(matches("a/**/a/**/a/**/a/**/b", path));
  EXPECT_FALSE(matches(std::string("*a*a*a*a*a*a*a*a*b"), "/" + std::string(2000, 'a')));
}

}  // namespace
}  // namespace holdfast::archive

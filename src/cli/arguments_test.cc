// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace holdfast::cli {
namespace {

constexpr std::array global_table{
    Option{.name = "repo", .letter = 'r', .kind = OptionKind::value, .variable = "REPOSITORY"},
    Option{.name = "instance", .letter = 'I', .kind = OptionKind::value},
    Option{.name = "verbose", .letter = 'v', .kind = OptionKind::count},
    Option{.name = "quiet", .letter = 'q'},
    Option{.name = "help", .letter = 'h'},
};
constexpr std::array save_table{
    Option{.name = "exclude", .letter = 'e', .kind = OptionKind::list},
    Option{.name = "force", .letter = 'f', .variable = "FORCE"},
    Option{.name = "size", .kind = OptionKind::value, .variable = "SIZE"},
    Option{.name = "fix", .kind = OptionKind::word},
};
constexpr std::array instance_table{Option{.name = "scrub"}};

void nothing(Invocation&) {}
const Command save{.name = "save",
                   .options = {save_table},
                   .run = nothing,
                   .run_instance = nothing,
                   .instance_options = {instance_table}};
const Command key_list{.name = "key list", .run = nothing};
const Command key_add{.name = "key add", .options = {save_table}, .run = nothing};
constexpr std::array<const Command*, 3> verbs{&save, &key_list, &key_add};

class Parser : public testing::Test {
 protected:
  ParsedLine parse(const std::vector<std::string>& words) {
    return parse_command_line(words, verbs, global_table, variables);
  }
  std::string refusal(const std::vector<std::string>& words) {
    try {
      static_cast<void>(parse(words));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::usage);
      return error.what();
    }
    return "taken";
  }
  Variables variables;
};

TEST_F(Parser, TakesOptionsBeforeAndBehindTheVerb) {
  const ParsedLine line = parse({"-r", "/a", "save", "--exclude", "x", "-v", "file"});
  ASSERT_EQ(line.command, &save);
  EXPECT_EQ(line.arguments.value("repo"), "/a");
  EXPECT_EQ(line.arguments.list("exclude"), std::vector<std::string>{"x"});
  EXPECT_EQ(line.arguments.count("verbose"), 1U);
  EXPECT_EQ(line.arguments.words(), std::vector<std::string>{"file"});
}

TEST_F(Parser, TakesEveryWayToWriteAValue) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"save", "-r", "/a"},
                                             {"save", "-r/a"},
                                             {"save", "-r=/a"},
                                             {"save", "--repo=/a"},
                                             {"save", "--repo", "/a"}}) {
    EXPECT_EQ(parse(words).arguments.value("repo"), "/a") << words[1];
  }
}

TEST_F(Parser, BundlesLetters) {
  const ParsedLine line = parse({"save", "-vvfe", "x", "-fqey"});
  EXPECT_EQ(line.arguments.count("verbose"), 2U);
  EXPECT_TRUE(line.arguments.flag("force"));
  EXPECT_TRUE(line.arguments.flag("quiet"));
  EXPECT_EQ(line.arguments.list("exclude"), (std::vector<std::string>{"x", "y"}));
}

TEST_F(Parser, CountsByNumberToo) {
  EXPECT_EQ(parse({"save", "--verbose=2"}).arguments.count("verbose"), 2U);
  EXPECT_EQ(parse({"save", "--verbose", "-v"}).arguments.count("verbose"), 2U);
}

TEST_F(Parser, TakesTheLastOfAValueAndAllOfAList) {
  const ParsedLine line = parse({"save", "-r", "/a", "-r", "/b", "-e", "1", "-e", "2"});
  EXPECT_EQ(line.arguments.value("repo"), "/b");
  EXPECT_EQ(line.arguments.list("exclude"), (std::vector<std::string>{"1", "2"}));
}

TEST_F(Parser, EndsOptionsAtTwoDashes) {
  const ParsedLine line = parse({"save", "--", "-v", "--force", "--"});
  EXPECT_EQ(line.arguments.words(), (std::vector<std::string>{"-v", "--force", "--"}));
  EXPECT_EQ(line.arguments.count("verbose"), 0U);
}

TEST_F(Parser, TakesADashAloneAsAWord) {
  EXPECT_EQ(parse({"save", "-"}).arguments.words(), std::vector<std::string>{"-"});
}

TEST_F(Parser, LetsAFlagBeSetToFalse) {
  EXPECT_FALSE(parse({"save", "--force=false"}).arguments.flag("force"));
  EXPECT_TRUE(parse({"save", "--force=T"}).arguments.flag("force"));
  EXPECT_NE(refusal({"save", "--force=maybe"}).find("neither true nor false"), std::string::npos);
}

TEST_F(Parser, TakesAWordWithAndWithoutItsValue) {
  EXPECT_EQ(parse({"save", "--fix", "--fix=a", "x"}).arguments.list("fix"),
            (std::vector<std::string>{"", "a"}));
}

TEST_F(Parser, FindsVerbsOfTwoWords) {
  EXPECT_EQ(parse({"key", "list"}).command, &key_list);
  const ParsedLine line = parse({"key", "--exclude", "list", "add", "word"});
  EXPECT_EQ(line.command, &key_add);
  EXPECT_EQ(line.arguments.words(), std::vector<std::string>{"word"});
  EXPECT_EQ(parse({"key"}).verb_group, "key");
}

TEST_F(Parser, NamesTheNearestVerbAndFlag) {
  EXPECT_NE(refusal({"svae"}).find("Did you mean `save`?"), std::string::npos);
  EXPECT_NE(refusal({"key", "lsit"}).find("Did you mean `key list`?"), std::string::npos);
  EXPECT_NE(refusal({"save", "--exlude", "x"}).find("Did you mean --exclude?"), std::string::npos);
  EXPECT_EQ(refusal({"save", "--zzzzzz"}).find("Did you mean"), std::string::npos);
  EXPECT_NE(refusal({"save", "-Z"}).find("unknown flag -Z"), std::string::npos);
}

TEST_F(Parser, RefusesAMissingValue) {
  EXPECT_NE(refusal({"save", "--repo"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal({"save", "-r"}).find("needs a value"), std::string::npos);
  EXPECT_NE(refusal({"save", "--verbose="}).find("needs a number"), std::string::npos);
}

TEST_F(Parser, RefusesOptionsOfTheOtherForm) {
  EXPECT_NE(refusal({"save", "--scrub"}).find("only together with --instance"), std::string::npos);
  EXPECT_NE(
      refusal({"save", "-I", "a.toml", "--force"}).find("cannot be used together with --instance"),
      std::string::npos);
  EXPECT_EQ(refusal({"save", "-I", "a.toml", "--scrub", "-v"}), "taken");
}

TEST_F(Parser, FallsBackToVariablesOursFirst) {
  variables.set("RESTIC_REPOSITORY", "/restic");
  EXPECT_EQ(parse({"save"}).arguments.value("repo"), "/restic");
  EXPECT_EQ(parse({"save"}).arguments.origin("repo"), "RESTIC_REPOSITORY");
  variables.set("HOLDFAST_REPOSITORY", "/ours");
  EXPECT_EQ(parse({"save"}).arguments.value("repo"), "/ours");
  EXPECT_EQ(parse({"save", "-r", "/flag"}).arguments.value("repo"), "/flag");
  EXPECT_FALSE(parse({"save"}).arguments.on_command_line("repo"));
  EXPECT_TRUE(parse({"save"}).arguments.given("repo"));
}

TEST_F(Parser, RefusesVariablesThatMakeNoSense) {
  variables.set("RESTIC_SIZE", "12x");
  EXPECT_THROW(static_cast<void>(parse({"save"}).arguments.number("size", 100)), Error);
  variables.set("RESTIC_SIZE", "101");
  EXPECT_THROW(static_cast<void>(parse({"save"}).arguments.number("size", 100)), Error);
  variables.set("RESTIC_SIZE", "100");
  EXPECT_EQ(parse({"save"}).arguments.number("size", 100), 100U);
  variables.set("HOLDFAST_FORCE", "perhaps");
  EXPECT_THROW(static_cast<void>(parse({"save"}).arguments.flag("force")), Error);
}

TEST_F(Parser, SaysThatANameIsNoOptionOfTheVerb) {
  const ParsedLine line = parse({"key", "list"});
  EXPECT_THROW(static_cast<void>(line.arguments.flag("force")), Error);
}

TEST(Nearest, SeesSwappedMissingAndWrongLetters) {
  EXPECT_EQ(nearest("chekc", {"check", "cat"}), "check");
  EXPECT_EQ(nearest("chck", {"check", "cat"}), "check");
  EXPECT_EQ(nearest("prume", {"prune", "cat"}), "prune");
  EXPECT_EQ(nearest("wholly-other", {"prune", "cat"}), "");
  EXPECT_EQ(nearest("", {"cat"}), "");
}

}  // namespace
}  // namespace holdfast::cli

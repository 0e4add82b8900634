// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

TEST(Run, PrintsTheVerbsWithoutWords) {
  World world;
  const std::string text = world.done({}).output;
  EXPECT_EQ(world.done({"help"}).output, text);
  EXPECT_EQ(world.done({"--help"}).output, text);
  for (const Command* command : all_commands()) {
    if (!command->hidden) {
      EXPECT_NE(text.find(std::string(command->summary)), std::string::npos) << command->name;
    }
  }
}

TEST(Run, ExplainsEveryVerbAndEveryFlag) {
  World world;
  for (const Command* command : all_commands()) {
    std::vector<std::string> words = split(command->name, ' ');
    words.emplace_back("--help");
    const std::string text = world.done(words).output;
    words.pop_back();
    words.insert(words.begin(), "help");
    EXPECT_EQ(world.done(words).output, text);
    for (const OptionTables& tables : {command->options, command->instance_options}) {
      for (const auto& table : tables) {
        for (const Option& option : table) {
          EXPECT_EQ(text.find("--" + std::string(option.name)) != std::string::npos, !option.hidden)
              << command->name << " --" << option.name;
        }
      }
    }
    for (const Option& option : global_options()) {
      EXPECT_NE(text.find("--" + std::string(option.name)), std::string::npos) << option.name;
    }
    for (const std::string& line : lines_of(text)) EXPECT_LE(display_width(line), 100U) << line;
  }
}

// A letter or name that stands twice in the tables of one verb would hide an option.
TEST(Run, GivesEachOptionANameOfItsOwn) {
  for (const Command* command : all_commands()) {
    for (const OptionTables& tables : {command->options, command->instance_options}) {
      std::set<std::string_view> names;
      std::set<char> letters;
      const auto check = [&](const Option& option) {
        EXPECT_TRUE(names.insert(option.name).second) << command->name << " --" << option.name;
        if (option.letter != 0) {
          EXPECT_TRUE(letters.insert(option.letter).second)
              << command->name << " -" << option.letter;
        }
        EXPECT_FALSE(option.help.empty()) << option.name;
        EXPECT_FALSE(option.help.ends_with('.')) << option.name;
        const bool has_value = option.kind == OptionKind::value ||
                               option.kind == OptionKind::list || option.kind == OptionKind::word;
        EXPECT_EQ(option.value_name.empty(), !has_value) << option.name;
      };
      for (const Option& option : global_options()) check(option);
      for (const auto& table : tables) {
        for (const Option& option : table) check(option);
      }
    }
  }
}

TEST(Run, ListsTheVerbsBehindAWord) {
  World world;
  const std::string text = world.done({"key"}).output;
  EXPECT_NE(text.find("key list"), std::string::npos);
  EXPECT_NE(text.find("key passwd"), std::string::npos);
  EXPECT_EQ(world.done({"help", "key"}).output, text);
}

TEST(Run, TellsItsVersion) {
  World world;
  EXPECT_TRUE(world.done({"version"}).output.starts_with("holdfast " + program_version() + " "));
  EXPECT_EQ(world.done({"--version"}).output, world.done({"version"}).output);
  const Json json = world.done({"version", "--json"}).message("version");
  EXPECT_EQ(json.at("version").as_string(), program_version());
}

TEST(Run, NamesTheNextStepOfAMistake) {
  World world;
  const Outcome outcome = world.run({"snapshotz"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.errors, "error: unknown verb `snapshotz`\nDid you mean `snapshots`?\n");
  EXPECT_EQ(outcome.output, "");
}

TEST(Run, WritesErrorsAsJsonIfAsked) {
  World world;
  const Outcome outcome = world.run({"snapshots", "--json"});
  EXPECT_EQ(outcome.exit_code, 10);
  EXPECT_EQ(outcome.output, "");
  const Json error = outcome.json_errors().at(0);
  EXPECT_EQ(error.at("message_type").as_string(), "exit_error");
  EXPECT_EQ(error.at("code").as_int(), 10);
  EXPECT_EQ(error.at("name").as_string(), "no_repository");
  EXPECT_FALSE(error.at("message").as_string().empty());
  EXPECT_FALSE(error.at("hint").as_string().empty());
  EXPECT_EQ(world.run({"--json", "nonsense"}).json_errors().at(0).at("name").as_string(), "usage");
}

TEST(Run, SaysThatStandardOutputIsGone) {
  World world;
  world.output_is_broken = true;
  EXPECT_EQ(world.run({"version"}).exit_code, 1);
  EXPECT_EQ(world.run({"help"}).exit_code, 1);
}

TEST(Run, EndsAsInterrupted) {
  World world;
  world.done({"init"});
  world.stopped = true;
  const Outcome outcome = world.run({"backup", world.write("a", "a")});
  EXPECT_EQ(outcome.exit_code, 130) << outcome.errors;
  EXPECT_EQ(outcome.errors, "error: interrupted\n");
  world.stopped = false;
  EXPECT_EQ(world.done({"snapshots", "--json"}).output, "[]\n");
}

TEST(Run, AsksAgainForAWrongPassword) {
  World world;
  world.done({"init"});
  world.variables = {};
  std::vector<std::string> answers{"wrong", "sesame"};
  std::size_t asked = 0;
  world.ask_secret = [&](std::string_view, std::stop_token) {
    return Secret(std::string(answers.at(asked++)));
  };
  EXPECT_EQ(world.run({"-r", world.path("repository"), "snapshots"}).exit_code, 0);
  EXPECT_EQ(asked, 2U);
  asked = 0;
  answers = {"wrong", "wrong", "wrong", "sesame"};
  EXPECT_EQ(world.run({"-r", world.path("repository"), "snapshots"}).exit_code, 12);
  EXPECT_EQ(asked, 3U);
}

TEST(Run, RefusesQuietTogetherWithVerbose) {
  World world;
  EXPECT_EQ(world.run({"snapshots", "-q", "-v"}).exit_code, 1);
}

}  // namespace
}  // namespace holdfast::cli

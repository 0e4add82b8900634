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

// Whether the flag stands there, and not only one whose name begins with its name.
bool explains(const std::string& text, const Option& option) {
  const std::string flag = "--" + std::string(option.name);
  for (std::size_t at = text.find(flag); at != std::string::npos; at = text.find(flag, at + 1)) {
    const char next = at + flag.size() < text.size() ? text[at + flag.size()] : '\n';
    if (next != '-' && (next < 'a' || next > 'z')) return true;
  }
  return false;
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
          EXPECT_EQ(explains(text, option), !option.hidden)
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

// Whatever goes wrong ends in one error with a next step, as text and as JSON.
TEST(Run, GivesEveryErrorANextStep) {
  World world;
  world.done({"init"});
  world.done({"backup", "-q", world.write("d/a", "x")});
  world.done({"backup", "-q", world.write("d/b", "y")});
  const std::string wrong = world.write("wrong", "wrong");
  const std::vector<std::pair<int, std::vector<std::string>>> mistakes{
      {1, {"frobnicate"}},
      {1, {"snapshots", "--no-such-flag"}},
      {1, {"snapshots", "--latest"}},
      {1, {"snapshots", "--latest", "many"}},
      {1, {"snapshots", "--quiet=perhaps"}},
      {1, {"snapshots", "feedfeed"}},
      {1, {"snapshots", ""}},
      {1, {"-p", world.path("none"), "snapshots"}},
      {12, {"-p", wrong, "snapshots"}},
      {10, {"-r", world.path("none"), "snapshots"}},
      {1, {"-r", "rest:http://host/", "snapshots"}},
      {1, {"init"}},
      {1, {"backup"}},
      {1, {"backup", world.path("none")}},
      {1, {"backup", world.path("d"), "--exclude", "["}},
      {1, {"backup", "--files-from", world.path("none")}},
      {1, {"backup", "--stdin", "--time", "soon"}},
      {1, {"backup", "--stdin-from-command", "--", "false"}},
      {1, {"restore", "latest"}},
      {1, {"restore", "latest", "--target", world.path("d/a")}},
      {1, {"restore", "latest:/none", "--target", world.path("out")}},
      {1, {"dump", "latest", "/none"}},
      {1, {"ls"}},
      {1, {"ls", "latest", "relative"}},
      {1, {"cat"}},
      {1, {"cat", "snapshot", "feedfeed"}},
      {1, {"cat", "blob", "short"}},
      {1, {"forget"}},
      {1, {"forget", "--keep-last", "few"}},
      {1, {"prune", "--no-lock"}},
      {1, {"prune", "--repack-smaller-than", "1T"}},
      {1, {"prune", "--repack-smaller-than", "0"}},
      {1, {"check", "--read-data-subset", "0/0"}},
      {1, {"check", "feedfeed"}},
      {1, {"key", "remove", "feedfeed"}},
      {1, {"key", "list", "more"}},
      {1, {"mount"}},
      {1, {"preflight"}},
      {1, {"drill", "-I", world.path("none.toml")}},
      {1, {"inspect", world.path("none")}},
      {1, {"discover", world.path("none")}},
      {1, {"discover", "postgresql://me:geheim@host/db"}},
  };
  for (auto [code, words] : mistakes) {
    const std::string said = joined(words, " ");
    const Outcome text = world.run(words);
    EXPECT_EQ(text.exit_code, code) << said;
    const auto lines = lines_of(text.errors);
    ASSERT_GE(lines.size(), 2U) << said << ": " << text.errors;
    EXPECT_TRUE(lines[lines.size() - 2].starts_with("error: ")) << said << ": " << text.errors;
    EXPECT_TRUE(lines.back().ends_with('.')) << said << ": " << text.errors;
    EXPECT_EQ(text.errors.find("geheim"), std::string::npos);
    words.insert(words.begin(), "--json");
    const Outcome json = world.run(words);
    EXPECT_EQ(json.exit_code, code) << said;
    const Json last = json.json_errors().back();
    EXPECT_EQ(last.at("message_type").as_string(), "exit_error") << said;
    EXPECT_EQ(last.at("code").as_int(), code) << said;
    EXPECT_FALSE(last.at("message").as_string().empty()) << said;
    EXPECT_FALSE(last.at("hint").as_string().empty()) << said;
  }
}

TEST(Run, NamesTheVerbWhoseHelpHelps) {
  World world;
  EXPECT_EQ(lines_of(world.run({"snapshots", "--latest", "many"}).errors).back(),
            "See `holdfast help snapshots`.");
  EXPECT_EQ(lines_of(world.run({"key", "list", "--json=what"}).errors).back(),
            "See `holdfast help key list`.");
}

TEST(Run, SendsToResticForItsOtherVerbs) {
  World world;
  EXPECT_EQ(world.run({"mount", "/mnt"}).errors,
            "error: `mount` is a verb of restic that is not here\n"
            "Run `restic mount`: it reads and writes the same repository.\n");
}

TEST(Run, ShowsCandidatesForAnAmbiguousId) {
  World world;
  world.done({"init"});
  for (int i = 0; i < 17; ++i) world.done({"backup", "-q", world.write("a", std::to_string(i))});
  std::set<char> digits;
  std::string twice;
  const Json all = world.done({"snapshots", "--json"}).json_lines().at(0);
  for (const Json& each : all.as_array()) {
    const std::string id = each.at("id").as_string();
    if (!digits.insert(id[0]).second) twice = id;
  }
  ASSERT_FALSE(twice.empty());
  const Outcome outcome = world.run({"snapshots", twice.substr(0, 1)});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.errors.find("snapshot ids begin with " + twice.substr(0, 1)),
            std::string::npos);
  EXPECT_NE(outcome.errors.find("Give more digits: "), std::string::npos) << outcome.errors;
}

TEST(Run, PrintsErrorsOfItsStartSafely) {
  CapturedStream errors;
  EXPECT_EQ(report_error(Error(Errc::denied, "no \x1b[2J\nway"), {"snapshots"}, errors), 1);
  EXPECT_TRUE(errors.text.starts_with("error: no \\x1b[2J\\nway\n")) << errors.text;
  errors.text.clear();
  EXPECT_EQ(report_error(Error(Errc::no_repository, "gone"), {"--json"}, errors), 10);
  EXPECT_EQ(Json::parse(errors.text, "error").at("code").as_int(), 10);
}

// Cron jobs and services have no HOME; only what keeps a journal needs a place for it.
TEST(Run, NeedsAPlaceForStateOnlyWhereItKeepsSome) {
  World world;
  world.has_state = false;
  world.done({"init"});
  world.done({"backup", "-q", world.write("d/a", "x")});
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"snapshots"}, {"ls", "latest"}, {"cat", "config"}, {"check"}, {"prune"}}) {
    EXPECT_EQ(world.done(words).errors, "") << words[0];
  }
  const std::string instance =
      world.write("i.toml", "name='i'\n[[files]]\nname='f'\npaths=['" + world.path("d") + "']\n");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"resume"}, {"backup", "-I", instance}}) {
    const Outcome outcome = world.run(words);
    EXPECT_EQ(outcome.exit_code, 1) << words[0];
    EXPECT_NE(outcome.errors.find("Set HOLDFAST_STATE_DIR"), std::string::npos) << outcome.errors;
  }
}

}  // namespace
}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// Completions and man pages hold what the help holds, and work where they are read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/process.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/invocation.h"
#include "cli/man_page.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

std::string generated(std::string_view shell) {
  return World().done({"generate", fmt::format("--{}-completion", shell), "-"}).output;
}

std::vector<const Command*> shown_commands() {
  std::vector<const Command*> shown;
  for (const Command* command : all_commands()) {
    if (!command->hidden) shown.push_back(command);
  }
  return shown;
}

std::vector<const Option*> with_globals(std::vector<const Option*> options) {
  for (const Option& option : global_options()) {
    if (!option.hidden) options.push_back(&option);
  }
  return options;
}

bool is_installed(const std::string& program) {
  return run_process({.argv = {"sh", "-c", "command -v " + program}}).exit_code == 0;
}

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// The words of a line as bash cuts them for a completion: at blanks, and = and : are words too.
std::vector<std::string> words_of_bash(std::string_view line) {
  std::vector<std::string> words;
  const auto is_break = [](char c) { return c == '=' || c == ':'; };
  char before = ' ';
  for (const char c : line) {
    if (c != ' ') {
      if (before == ' ' || is_break(c) != is_break(before)) words.emplace_back();
      words.back() += c;
    }
    before = c;
  }
  if (before == ' ') words.emplace_back();
  return words;
}

// What bash offers at the end of each of the lines: words parted by a space; "compopt …" where it
// asks readline for file names.
std::vector<std::string> offered_by_bash(const std::vector<std::string>& lines) {
  std::string script = generated("bash") +
                       "compopt() { [[ $2 == nospace ]] || echo -n \"compopt $2\"; }\n"
                       "try() {\n"
                       "  COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(\"${@:2}\")\n"
                       "  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()\n"
                       "  _holdfast; echo \"${COMPREPLY[*]}\"\n}\n";
  for (const std::string& line : lines) {
    script += "try " + shell_quoted(line);
    for (const std::string& word : words_of_bash(line)) script += " " + shell_quoted(word);
    script += "\n";
  }
  const ProcessResult result = run_process({.argv = {"bash", "-u"}}, script);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.errors, "");
  std::vector<std::string> offered = lines_of(result.output);
  EXPECT_EQ(offered.size(), lines.size()) << result.output;
  offered.resize(lines.size());
  return offered;
}

std::set<std::string> set_of(std::string_view words) {
  const std::vector<std::string> list = split(words, ' ');
  return {list.begin(), list.end()};
}

TEST(Generate, TellsBashEveryVerbAndFlagOfTheHelp) {
  std::vector<std::string> lines{"holdfast "};
  for (const Command* command : shown_commands())
    lines.push_back(fmt::format("holdfast {} -", command->name));
  const std::vector<std::string> offered = offered_by_bash(lines);
  std::set<std::string> first{"help"};
  for (std::size_t i = 0; i < shown_commands().size(); ++i) {
    const Command& command = *shown_commands()[i];
    first.emplace(command.name.substr(0, command.name.find(' ')));
    std::set<std::string> flags;
    for (const Option* option : with_globals(shown_options(command))) {
      flags.insert(fmt::format("--{}", option->name));
      if (option->letter != 0) flags.insert(fmt::format("-{}", option->letter));
    }
    EXPECT_EQ(set_of(offered[i + 1]), flags) << command.name;
  }
  EXPECT_EQ(set_of(offered[0]), first);
}

TEST(Generate, LetsBashCompleteWhatIsTyped) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"holdfast bac", "backup"},
      {"holdfast key re", "remove"},
      {"holdfast help key re", "remove"},
      {"holdfast nonsense ", ""},
      {"holdfast restore --overw", "--overwrite"},
      {"holdfast restore --overwrite if", "if-changed if-newer"},
      {"holdfast restore --overwrite=if", "if-changed if-newer"},
      {"holdfast restore --overwrite=", "always if-changed if-newer never"},
      {"holdfast dump -a z", "zip"},
      {"holdfast forget -g host", "host host,paths"},
      {"holdfast grants re", "restore"},
      {"holdfast snapshots la", "latest"},
      {"holdfast -o l", "local.connections="},
      // The verb is found behind flags whose values look like one.
      {"holdfast -r backup --json cat mas", "masterkey"},
      {"holdfast -qr rest:http://host/ cat mas", "masterkey"},
      {"holdfast -rbackup cat mas", "masterkey"},
      {"holdfast --repo=backup cat mas", "masterkey"},
      {"holdfast restore latest:/srv --targ", "--target"},
      // Names of files and directories.
      {"holdfast backup /e", "compopt default"},
      {"holdfast backup -- --js", "compopt default"},
      {"holdfast backup --exclude-file ", "compopt default"},
      {"holdfast -I ", "compopt default"},
      {"holdfast -r ", "compopt dirnames"},
      {"holdfast restore --target=/s", "compopt dirnames"},
      // Nothing is known of these.
      {"holdfast forget --keep-last ", ""},
      {"holdfast prune ", ""},
      // What is hidden stays hidden.
      {"holdfast resume --jou", ""},
  };
  std::vector<std::string> lines;
  for (const auto& [line, expected] : cases) lines.push_back(line);
  const std::vector<std::string> offered = offered_by_bash(lines);
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(offered[i], cases[i].second) << cases[i].first;
}

TEST(Generate, TellsFishEveryVerbAndFlagOfTheHelp) {
  const std::vector<std::string> lines = lines_of(generated("fish"));
  const auto count = [&](const std::string& start, const std::string& part) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.starts_with(start) && line.find(part) != std::string::npos;
    });
  };
  const std::string complete = "complete -c holdfast";
  for (const Command* command : shown_commands()) {
    const std::size_t space = command->name.find(' ');
    const std::string_view group =
        space == std::string_view::npos ? std::string_view() : command->name.substr(0, space);
    EXPECT_EQ(count(fmt::format("{} -n '__holdfast_is_behind {}' -a {} -d ", complete, group,
                                last_word(*command)),
                    std::string(command->summary.substr(0, 5))),
              1)
        << command->name;
    const std::string start = fmt::format("{} -n '__holdfast_is {}'", complete, command->name);
    const auto options = shown_options(*command);
    for (const Option* option : options) {
      EXPECT_EQ(count(start, fmt::format(" -l {} ", option->name)), 1)
          << command->name << " --" << option->name;
    }
    EXPECT_EQ(count(start, " -l "), static_cast<std::ptrdiff_t>(options.size())) << command->name;
  }
  for (const Option& option : global_options()) {
    const std::string letter = option.letter != 0 ? fmt::format(" -s {}", option.letter) : "";
    EXPECT_EQ(count(fmt::format("{}{} -l {} ", complete, letter, option.name), ""), 1)
        << option.name;
  }
}

// The part of `text` from `begin` on, to the next `end`.
std::string section(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return {};
  return text.substr(from, text.find(end, from + begin.size()) - from);
}

TEST(Generate, TellsZshEveryVerbAndFlagOfTheHelp) {
  const std::string text = generated("zsh");
  const auto expect_flag = [](const std::string& where, const Option& option) {
    const std::string flag = fmt::format("--{}", option.name);
    EXPECT_TRUE(where.find(flag + (takes_value(option) ? "='" : "'")) != std::string::npos ||
                where.find(flag + (takes_value(option) ? "=}'" : "}'")) != std::string::npos)
        << flag << " in " << where;
  };
  for (const Command* command : shown_commands()) {
    const std::size_t space = command->name.find(' ');
    const std::string function =
        space == std::string_view::npos
            ? "_holdfast_verb()"
            : fmt::format("_holdfast_{}_verb()", command->name.substr(0, space));
    const std::string branch = section(section(text, function, "\n}\n"),
                                       fmt::format("    ({})\n", last_word(*command)), ";;");
    EXPECT_FALSE(branch.empty()) << command->name;
    const auto options = shown_options(*command);
    for (const Option* option : options) expect_flag(branch, *option);
    // A line for each, one for the branch, the call and, if they are known, its words.
    EXPECT_EQ(std::count(branch.begin(), branch.end(), '\n'),
              static_cast<std::ptrdiff_t>(options.size()) + (command->words.empty() ? 2 : 3))
        << branch;
  }
  const std::string flags = section(text, "_holdfast_flags()", "\n}\n");
  for (const Option& option : global_options()) expect_flag(flags, option);
}

TEST(Generate, WritesAManPageOfEveryVerbAndFlagOfTheHelp) {
  World world;
  world.done({"generate", "--man", world.path("new/man1")});
  const auto escaped = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('-', at)) != std::string::npos; at += 2)
      text.replace(at, 1, "\\-");
    return text;
  };
  const std::string overview = world.read("new/man1/holdfast.1");
  std::size_t pages = 1;
  for (const Command* command : shown_commands()) {
    std::string name(command->name);
    std::replace(name.begin(), name.end(), ' ', '-');
    const std::string page = world.read("new/man1/holdfast-" + name + ".1");
    ++pages;
    std::size_t options = 0;
    for (const OptionTables* tables : {&command->options, &command->instance_options}) {
      for (const auto& table : *tables) {
        for (const Option& option : table) {
          options += option.hidden ? 0 : 1;
          EXPECT_EQ(
              page.find(escaped(fmt::format("\\fB--{}\\fR", option.name))) != std::string::npos,
              !option.hidden)
              << command->name << " --" << option.name;
        }
      }
    }
    std::size_t items = 0;
    for (const std::string& line : lines_of(page)) items += line == ".TP" ? 1 : 0;
    EXPECT_EQ(items, options) << command->name;
    EXPECT_NE(
        overview.find(escaped(fmt::format("\\fB{}\\fR\n{}", command->name, command->summary))),
        std::string::npos)
        << command->name;
  }
  for (const Option& option : global_options()) {
    EXPECT_NE(overview.find(escaped(fmt::format("\\fB--{}\\fR", option.name))), std::string::npos)
        << option.name;
  }
  const std::filesystem::directory_iterator files(world.path("new/man1"));
  EXPECT_EQ(static_cast<std::size_t>(std::distance(begin(files), end(files))), pages);
}

TEST(Generate, WritesManPagesThatGroffTakesWithoutAWarning) {
  if (!is_installed("man") || !is_installed("groff")) GTEST_SKIP() << "no man is installed";
  World world;
  world.done({"generate", "--man", world.path("man")});
  for (const auto& page : std::filesystem::directory_iterator(world.path("man"))) {
    const ProcessResult result =
        run_process({.argv = {"man", "--warnings", "--local-file", page.path().string()},
                     .environment = {{"MANWIDTH", "80"}, {"LC_ALL", "C.UTF-8"}}});
    EXPECT_EQ(result.exit_code, 0) << page.path();
    EXPECT_EQ(result.errors, "") << page.path();
    EXPECT_NE(result.output.find("SYNOPSIS"), std::string::npos) << page.path();
  }
}

TEST(Generate, WritesManPagesThatMandocTakesWithoutAWarning) {
  if (!is_installed("mandoc")) GTEST_SKIP() << "no mandoc is installed";
  World world;
  world.done({"generate", "--man", world.path("man")});
  for (const auto& page : std::filesystem::directory_iterator(world.path("man"))) {
    const ProcessResult result =
        run_process({.argv = {"mandoc", "-Tlint", "-Wwarning", page.path().string()}});
    // That they have no date is meant.
    for (const std::string& line : lines_of(result.output))
      EXPECT_NE(line.find("missing date"), std::string::npos) << line;
  }
}

// A definition that says of a flag what its values are and tells the reader others would offer what
// is refused.
TEST(Generate, KnowsOnlyValuesThatTheHelpNames) {
  for (const Command* command : all_commands()) {
    for (const Option* option : with_globals(shown_options(*command))) {
      for (const std::string& value : offer_of(*option).words) {
        for (const std::string& word : split(value, ',')) {
          EXPECT_NE(option->help.find(word), std::string_view::npos)
              << command->name << " --" << option->name << " " << word;
        }
      }
      EXPECT_EQ(option->hidden, false);
    }
  }
}

TEST(Generate, RefusesWhatCannotBeMeantAndWritesNothing) {
  World world;
  const std::string file = world.path("bash");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"generate"},
           {"generate", "--bash-completion", ""},
           {"generate", "--man", ""},
           {"generate", "--bash-completion", file, "more"},
           {"generate", "--zsh-completion", "-", "--fish-completion", "-", "--bash-completion",
            file}}) {
    const Outcome outcome = world.run(words);
    EXPECT_EQ(outcome.exit_code, 1) << joined(words, " ");
    EXPECT_TRUE(outcome.errors.starts_with("error: ")) << outcome.errors;
    EXPECT_EQ(outcome.output, "");
    EXPECT_FALSE(std::filesystem::exists(file));
  }
  const Outcome lost = world.run({"generate", "--zsh-completion", world.path("none/zsh")});
  EXPECT_EQ(lost.exit_code, 1);
  EXPECT_NE(lost.errors.find(world.path("none/zsh")), std::string::npos) << lost.errors;
}

TEST(Generate, ReplacesFilesThatAreThere) {
  World world;
  const std::string file = world.write("fish", std::string(1'000'000, 'x'));
  const Outcome outcome = world.done({"generate", "-v", "--fish-completion", file});
  EXPECT_EQ(world.read("fish"), generated("fish"));
  EXPECT_EQ(outcome.output, "wrote the completion for fish to " + file + "\n");
  EXPECT_EQ(world.done({"generate", "--json", "-v", "--fish-completion", file}).output, "");
  const auto mode = std::filesystem::status(file).permissions();
  EXPECT_NE(mode & std::filesystem::perms::others_read, std::filesystem::perms::none);
}

TEST(Generate, SendsWhoAsksForSelfUpdateToTheDocs) {
  const Outcome outcome = World().run({"self-update"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.errors.find("docs/install.md"), std::string::npos) << outcome.errors;
}

}  // namespace
}  // namespace holdfast::cli

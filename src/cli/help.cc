// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::array titles{
    GroupTitle{VerbGroup::instances, "Instances: every database and file of one application"},
    GroupTitle{VerbGroup::snapshots, "Files and snapshots"},
    GroupTitle{VerbGroup::repository, "The repository"},
    GroupTitle{VerbGroup::other, "Other"},
};

constexpr std::size_t option_column = 34;

std::string verb_line(const Command& command) {
  return fmt::format("  {:<17} {}\n", command.name, command.summary);
}

std::string option_head(const Option& option) {
  std::string head = option.letter != 0 ? fmt::format("  -{}, --{}", option.letter, option.name)
                                        : fmt::format("      --{}", option.name);
  if (option.kind == OptionKind::word) {
    head += fmt::format("[={}]", option.value_name);
  } else if (!option.value_name.empty()) {
    head += fmt::format(" {}", option.value_name);
  }
  return head;
}

void append_option(std::string& text, const Option& option, std::size_t width) {
  if (option.hidden) return;
  const std::string help = option_help(option);
  std::string line = option_head(option);
  const std::size_t room = width > option_column + 20 ? width - option_column : 20;
  if (line.size() + 2 > option_column) {
    text += line + "\n";
    line.clear();
  }
  for (const std::string& piece : wrapped(help, room)) {
    text += fmt::format("{:<{}}{}\n", line, option_column, piece);
    line.clear();
  }
}

void append_tables(std::string& text, const OptionTables& tables, std::string_view title,
                   std::size_t width) {
  std::string options;
  for (const auto& table : tables) {
    for (const Option& option : table) append_option(options, option, width);
  }
  if (!options.empty()) text += fmt::format("\n{}:\n{}", title, options);
}

}  // namespace

std::string option_help(const Option& option) {
  std::string help(option.help);
  if (option.kind == OptionKind::list) help += " (may be given several times)";
  if (!option.variable.empty()) {
    help += fmt::format(" [$HOLDFAST_{}, $RESTIC_{}]", option.variable, option.variable);
  }
  return help;
}

std::span<const GroupTitle> group_titles() noexcept {
  return titles;
}

std::string help_overview(std::span<const Command* const> commands) {
  std::string text =
      "holdfast backs up, restores and proves whole application instances.\n"
      "Its repositories are restic's: either program reads what the other wrote.\n\n"
      "Usage: holdfast VERB [flags] [words]\n";
  for (const auto& [group, title] : titles) {
    std::string verbs;
    for (const Command* command : commands) {
      if (command->group == group && !command->hidden) verbs += verb_line(*command);
    }
    if (!verbs.empty()) text += fmt::format("\n{}:\n{}", title, verbs);
  }
  text +=
      "\n`holdfast help VERB` explains a verb and its flags, and the flags that every verb "
      "takes.\n";
  text += exit_codes_text;
  return text;
}

std::string help_verb_group(std::span<const Command* const> commands, std::string_view word) {
  std::string text = fmt::format("Usage: holdfast {} VERB [flags]\n\n", word);
  const std::string prefix = std::string(word) + " ";
  for (const Command* command : commands) {
    if (command->name.starts_with(prefix) && !command->hidden) text += verb_line(*command);
  }
  return text;
}

std::string help_verb(const Command& command, std::span<const Option> global_options,
                      std::size_t width) {
  width = std::clamp<std::size_t>(width, 60, 100);
  std::string text;
  if (command.run != nullptr)
    text += fmt::format("Usage: holdfast {} {}\n", command.name, command.arguments);
  if (command.run_instance != nullptr) {
    text += fmt::format("{} holdfast {} {}\n", text.empty() ? "Usage:" : "      ", command.name,
                        command.instance_arguments);
  }
  text += '\n';
  for (const std::string& line : wrapped(command.description, width)) text += line + "\n";
  append_tables(text, command.options,
                command.run_instance != nullptr ? "Flags without -I" : "Flags", width);
  append_tables(text, command.instance_options, "Flags with -I", width);
  append_tables(text, {global_options}, "Flags of every verb", width);
  return text;
}

}  // namespace holdfast::cli

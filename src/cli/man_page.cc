// SPDX-License-Identifier: Apache-2.0
#include "cli/man_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/help.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

// Text as roff takes it: neither a backslash nor the start of a line is a command, and a hyphen
// that is typed stays one.
std::string escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool at_start = escaped.empty() || escaped.back() == '\n';
    if (at_start && (c == '.' || c == '\'')) escaped += "\\&";
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// "holdfast-key-list"
std::string page_name(std::string_view verb) {
  std::string name = fmt::format("holdfast-{}", verb);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string page_head(std::string_view name, std::string_view summary, std::string_view version) {
  std::string title(name);
  std::transform(title.begin(), title.end(), title.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return fmt::format(
      ".TH {} 1 \"\" \"holdfast {}\"\n.nh\n.ad l\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
      escaped(title), version, escaped(name), escaped(summary));
}

void add_synopsis(std::string& text, const Command& command, std::string_view arguments) {
  text += fmt::format("\\fBholdfast {}\\fR {}\n", escaped(command.name), escaped(arguments));
}

// Paragraphs are parted by an empty line; lines that begin with a space stay as they are.
void add_paragraphs(std::string& text, std::string_view description) {
  bool is_verbatim = false;
  bool is_first = true;
  for (const std::string& line : lines_of(description)) {
    const bool was_verbatim = is_verbatim;
    is_verbatim = line.starts_with(' ');
    if (is_verbatim != was_verbatim) text += is_verbatim ? ".PP\n.nf\n" : ".fi\n";
    if (line.empty()) {
      if (!is_first) text += ".PP\n";
    } else {
      text += escaped(line) + "\n";
    }
    is_first = false;
  }
  if (is_verbatim) text += ".fi\n";
}

void add_option(std::string& text, const Option& option) {
  text += ".TP\n";
  if (option.letter != 0) text += fmt::format("\\fB\\-{}\\fR, ", option.letter);
  text += fmt::format("\\fB\\-\\-{}\\fR", escaped(option.name));
  if (option.kind == OptionKind::word) {
    text += fmt::format("[=\\fI{}\\fR]", escaped(option.value_name));
  } else if (!option.value_name.empty()) {
    text += fmt::format(" \\fI{}\\fR", escaped(option.value_name));
  }
  text += "\n" + escaped(option_help(option)) + "\n";
}

void add_options(std::string& text, const OptionTables& tables, std::string_view title) {
  std::string options;
  for (const auto& table : tables) {
    for (const Option& option : table) {
      if (!option.hidden) add_option(options, option);
    }
  }
  if (!options.empty()) text += fmt::format(".SH {}\n{}", escaped(title), options);
}

std::string verb_page(const Command& command, std::string_view version) {
  std::string text = page_head(page_name(command.name), command.summary, version);
  if (command.run != nullptr) add_synopsis(text, command, command.arguments);
  if (command.run_instance != nullptr) {
    if (command.run != nullptr) text += ".br\n";
    add_synopsis(text, command, command.instance_arguments);
  }
  text += ".SH DESCRIPTION\n";
  add_paragraphs(text, command.description);
  add_options(text, command.options,
              command.run_instance != nullptr ? "FLAGS WITHOUT -I" : "FLAGS");
  add_options(text, command.instance_options, "FLAGS WITH -I");
  text += ".SH SEE ALSO\n.BR holdfast (1),\nwhich explains the flags that every verb takes\n";
  return text;
}

std::string overview_page(std::span<const Command* const> commands,
                          std::span<const Option> global_options, std::string_view version) {
  std::string text =
      page_head("holdfast", "back up, restore and prove whole application instances", version);
  text +=
      "\\fBholdfast\\fR \\fIverb\\fR [flags] [words]\n.SH DESCRIPTION\n"
      "Holdfast backs up, restores and proves whole application instances: all databases and\n"
      "files of one application, at one consistent moment.\n"
      "Its repositories are restic's: either program reads what the other wrote.\n";
  std::string see_also;
  for (const auto& [group, title] : group_titles()) {
    text += fmt::format(".SS {}\n", escaped(title));
    for (const Command* command : commands) {
      if (command->group != group || command->hidden) continue;
      text +=
          fmt::format(".TP\n\\fB{}\\fR\n{}\n", escaped(command->name), escaped(command->summary));
      see_also += fmt::format("{}.BR {} (1)", see_also.empty() ? "" : " ,\n",
                              escaped(page_name(command->name)));
    }
  }
  add_options(text, {global_options}, "FLAGS OF EVERY VERB");
  text += ".SH EXIT STATUS\n";
  add_paragraphs(text, exit_codes_text);
  text +=
      ".SH FILES\n"
      ".TP\n\\fI/etc/holdfast/NAME.toml\\fR\nthe instance file that \\fB\\-I\\fR NAME means\n"
      ".TP\n\\fI/var/lib/holdfast\\fR\nwhat interrupted jobs left to be put back, if root runs "
      "them; of other users\n\\fI~/.local/state/holdfast\\fR, and of all \\fI$HOLDFAST_STATE_DIR"
      "\\fR if it is set\n";
  text += ".SH SEE ALSO\n" + see_also + "\n";
  return text;
}

}  // namespace

std::vector<ManPage> man_pages(std::span<const Command* const> commands,
                               std::span<const Option> global_options, std::string_view version) {
  std::vector<ManPage> pages{{"holdfast.1", overview_page(commands, global_options, version)}};
  for (const Command* command : commands) {
    if (command->hidden) continue;
    pages.push_back({page_name(command->name) + ".1", verb_page(*command, version)});
  }
  return pages;
}

}  // namespace holdfast::cli

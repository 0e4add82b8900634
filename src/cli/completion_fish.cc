// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::string_view head =
    R"fish(# fish completion for holdfast; `holdfast generate` made it.

# The words before the cursor that are neither flags nor their values; `help` in front is none.
function __holdfast_words
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l found
    set -l is_value no
    for token in $tokens
        if test $is_value = yes
            set is_value no
            continue
        end
        switch $token
            case {}
                set is_value yes
            case help
                set -q found[1]; and set -a found $token
            case '-?*'
            case '*'
                set -a found $token
        end
    end
    string join \n -- $found
end

# Whether these words are all there are.
function __holdfast_is_behind
    set -l found (__holdfast_words)
    test "$argv" = "$found"
end

# Whether the verb is the one of these words.
function __holdfast_is
    set -l found (__holdfast_words)
    set found $found[1..(count $argv)]
    test "$argv" = "$found"
end

complete -c holdfast -f
)fish";

std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// What may stand in a place, as arguments of `complete`.
std::string arguments(const Offer& offer) {
  if (offer.kind == Offer::Kind::file) return " -F";
  if (offer.kind == Offer::Kind::directory) return " -a '(__fish_complete_directories)'";
  return offer.words.empty() ? "" : " -a " + fish_quoted(joined(offer.words, " "));
}

void add_word(std::string& text, std::string_view behind, std::string_view word,
              std::string_view summary) {
  text += fmt::format("complete -c holdfast -n {} -a {} -d {}\n",
                      fish_quoted(fmt::format("__holdfast_is_behind {}", behind)), word,
                      fish_quoted(summary));
}

// `verb`: empty for a flag of every verb.
void add_flag(std::string& text, std::string_view verb, const Option& option) {
  text += "complete -c holdfast";
  if (!verb.empty()) text += " -n " + fish_quoted(fmt::format("__holdfast_is {}", verb));
  if (option.letter != 0) text += fmt::format(" -s {}", option.letter);
  text += fmt::format(" -l {}", option.name);
  if (takes_value(option)) {
    const Offer offer = offer_of(option);
    text += (offer.kind == Offer::Kind::file ? " -r" : " -x") + arguments(offer);
  }
  text += " -d " + fish_quoted(option_help(option)) + "\n";
}

void add_verb(std::string& text, const Command& command) {
  for (const Option* option : shown_options(command)) add_flag(text, command.name, *option);
  const std::string words = arguments(offer_of(command));
  if (words.empty()) return;
  text += fmt::format("complete -c holdfast -n {}{}\n",
                      fish_quoted(fmt::format("__holdfast_is {}", command.name)), words);
}

}  // namespace

std::string fish_completion(std::span<const Command* const> commands,
                            std::span<const Option> global_options) {
  std::vector<std::string> valued;
  std::string flags;
  for (const Option& option : global_options) {
    if (option.hidden) continue;
    add_flag(flags, "", option);
    if (!takes_value(option)) continue;
    valued.push_back(fmt::format("--{}", option.name));
    if (option.letter != 0) valued.push_back(fmt::format("-{}", option.letter));
  }
  std::string text(head);
  text.replace(text.find("{}"), 2, joined(valued, " "));
  text += flags;
  for (const CompletedWord& word : completed_words(commands)) {
    add_word(text, "", word.name, word.summary);
    if (word.command != nullptr) add_verb(text, *word.command);
    for (const Command* verb : word.verbs) {
      add_word(text, word.name, last_word(*verb), verb->summary);
      add_verb(text, *verb);
    }
  }
  return text;
}

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::string_view head = R"(# bash completion for holdfast; `holdfast generate` made it.
# shellcheck shell=bash

# Sets what may follow verb $1: its flags, those of them that take a value, and its other words.
# Words that name further verbs are nested.
_holdfast_verb() {
    flags='' valued='' words='' nested=''
    case $1 in
)";

constexpr std::string_view tail = R"(
# Sets asked if the value of flag $1 is the next word.
_holdfast_flag() {
    asked=''
    if [[ $1 == --* ]]; then
        [[ " $valued " == *" $1 "* ]] && asked=$1
        return
    fi
    local at
    for ((at = 1; at < ${#1}; at++)); do
        [[ " $valued " == *" -${1:at:1} "* ]] || continue
        ((at + 1 == ${#1})) && asked=-${1:at:1}
        return
    done
}

# Offers what begins with $2: words, or the names of files or directories, which readline knows.
# Of a word that bash cuts at = or :, it wants what follows $head.
_holdfast_offer() {
    case $1 in
    FILE) compopt -o default ;;
    DIRECTORY) compopt -o dirnames ;;
    *)
        local IFS=$' \t\n'
        mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
        COMPREPLY=("${COMPREPLY[@]/#/"$3"}")
        COMPREPLY=("${COMPREPLY[@]#"$head"}")
        [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
        ;;
    esac
}

_holdfast() {
    local line=${COMP_LINE:0:COMP_POINT} typed=() part='' i
    # Words as they were typed: bash cuts them at = and : too.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part=${COMP_WORDS[i]}
        local glued=yes
        [[ $i == 0 || $line == [[:space:]]* ]] && glued=''
        line=${line#"${line%%[![:space:]]*}"}
        if ((i == COMP_CWORD)); then part=$line; else line=${line#"$part"}; fi
        if [[ $glued ]]; then typed[-1]+=$part; else typed+=("$part"); fi
    done
    [[ $part == [=:]* ]] && part=${part##*[=:]}
    local current=${typed[-1]} head=${typed[-1]%"$part"}

    local verb='' flags valued words nested asked='' ended='' word offer=''
    _holdfast_verb ''
    for word in "${typed[@]:1:${#typed[@]}-2}"; do
        if [[ $asked ]]; then
            asked=''
        elif [[ ! $ended && $word == -- ]]; then
            ended=yes
        elif [[ ! $ended && $word == -?* ]]; then
            _holdfast_flag "$word"
        elif [[ $nested && ($verb || $word != help) ]]; then
            verb=${verb:+$verb }$word
            _holdfast_verb "$verb"
        fi
    done

    COMPREPLY=()
    if [[ $asked ]]; then
        _holdfast_value "$verb" "$asked"
        _holdfast_offer "$offer" "$current" ''
    elif [[ ! $ended && $current == --*=* ]]; then
        _holdfast_value "$verb" "${current%%=*}"
        _holdfast_offer "$offer" "${current#*=}" "${current%%=*}="
    elif [[ ! $ended && $current == -* ]]; then
        _holdfast_offer "$flags" "$current" ''
    else
        _holdfast_offer "$words" "$current" ''
    fi
}

complete -F _holdfast holdfast
)";

std::string letter_of(const Option& option) {
  return option.letter != 0 ? fmt::format("-{}", option.letter) : std::string();
}

std::string offered(const Offer& offer) {
  if (offer.kind == Offer::Kind::file) return "FILE";
  if (offer.kind == Offer::Kind::directory) return "DIRECTORY";
  return joined(offer.words, " ");
}

void set_flags(std::string& text, std::string_view operation, std::string_view indent,
               std::span<const Option* const> options) {
  std::vector<std::string> flags, valued;
  for (const Option* option : options) {
    for (const std::string& flag : {fmt::format("--{}", option->name), letter_of(*option)}) {
      if (flag.empty()) continue;
      flags.push_back(flag);
      if (takes_value(*option)) valued.push_back(flag);
    }
  }
  if (!flags.empty()) text += fmt::format("{}flags{}'{}'\n", indent, operation, joined(flags, " "));
  if (!valued.empty())
    text += fmt::format("{}valued{}'{}'\n", indent, operation, joined(valued, " "));
}

void add_verb(std::string& text, const Command& command) {
  text += fmt::format("    '{}')\n", command.name);
  set_flags(text, "=", "        ", shown_options(command));
  const std::string words = offered(offer_of(command));
  if (!words.empty()) text += fmt::format("        words='{}'\n", words);
  text += "        ;;\n";
}

void add_nested(std::string& text, std::string_view name, const std::vector<std::string>& words) {
  text += fmt::format("    '{}')\n        words='{}' nested=yes\n        ;;\n", name,
                      joined(words, " "));
}

// `verb`: a pattern of the shell.
void add_value(std::string& text, std::string_view verb, const Option& option) {
  const std::string offer = offered(offer_of(option));
  if (offer.empty()) return;
  text += fmt::format("    {}' --{}'", verb, option.name);
  if (option.letter != 0) text += fmt::format(" | {}' -{}'", verb, option.letter);
  text += fmt::format(") offer='{}' ;;\n", offer);
}

}  // namespace

std::string bash_completion(std::span<const Command* const> commands,
                            std::span<const Option> global_options) {
  std::string text(head);
  std::vector<std::string> first;
  std::string values;
  for (const CompletedWord& word : completed_words(commands)) {
    first.emplace_back(word.name);
    std::vector<std::string> second;
    std::vector<const Command*> verbs = word.verbs;
    if (word.command != nullptr) verbs.push_back(word.command);
    for (const Command* verb : verbs) {
      add_verb(text, *verb);
      second.emplace_back(last_word(*verb));
      for (const Option* option : shown_options(*verb)) {
        add_value(values, fmt::format("'{}'", verb->name), *option);
      }
    }
    if (!word.verbs.empty()) add_nested(text, word.name, second);
  }
  add_nested(text, "", first);
  text += "    esac\n";
  std::vector<const Option*> globals;
  for (const Option& option : global_options) {
    if (option.hidden) continue;
    globals.push_back(&option);
    add_value(values, "*", option);
  }
  set_flags(text, "+=' '", "    ", globals);
  text += "}\n\n# Sets offer to what a value of flag $2 of verb $1 may be.\n_holdfast_value() {\n";
  text += "    case \"$1 $2\" in\n" + values + "    esac\n}\n";
  text += tail;
  return text;
}

}  // namespace holdfast::cli

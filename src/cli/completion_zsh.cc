// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::string_view head = R"(#compdef holdfast
# zsh completion for holdfast; `holdfast generate` made it.

)";

constexpr std::string_view tail = R"(
_holdfast() {
  local curcontext=$curcontext
  local -a holdfast_flags
  _holdfast_flags
  _arguments -C -s -S : $holdfast_flags '1: :_holdfast_verbs' '*:: :_holdfast_verb'
}

if [[ $funcstack[1] == _holdfast ]]; then
  _holdfast "$@"
elif (( $+functions[compdef] )); then
  compdef _holdfast holdfast
fi
)";

// In single quotes, with a backslash before each of `special`.
std::string zsh_quoted(std::string_view text, std::string_view special) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
      continue;
    }
    if (special.find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string action(const Offer& offer) {
  if (offer.kind == Offer::Kind::file) return "_files";
  if (offer.kind == Offer::Kind::directory) return "'_files -/'";
  return offer.words.empty() ? "' '"
                             : zsh_quoted(fmt::format("({})", joined(offer.words, " ")), "");
}

// What _arguments is told of a flag.
std::string flag_spec(const Option& option) {
  std::string spec;
  const bool again = option.kind != OptionKind::flag && option.kind != OptionKind::value;
  // A value that may be left out is not asked for: zsh would not know which form is meant.
  const std::string_view behind_name = takes_value(option) ? "=" : "";
  if (option.letter == 0) {
    spec = fmt::format("{}--{}{}", again ? "'*'" : "", option.name, behind_name);
  } else {
    spec = again ? "'*'" : fmt::format("'(-{} --{})'", option.letter, option.name);
    spec += fmt::format("{{-{}{},--{}{}}}", option.letter, takes_value(option) ? "+" : "",
                        option.name, behind_name);
  }
  spec += zsh_quoted(fmt::format("[{}", option_help(option)), "]\\") + "']'";
  if (takes_value(option)) {
    spec += ":" + zsh_quoted(option.value_name, ":\\[]") + ":" + action(offer_of(option));
  }
  return spec;
}

void add_flags(std::string& text, std::string_view indent, std::span<const Option* const> options) {
  for (const Option* option : options) text += fmt::format(" \\\n{}{}", indent, flag_spec(*option));
}

// A function that offers verbs: names and summaries.
void add_verbs(std::string& text, std::string_view name,
               const std::vector<std::pair<std::string_view, std::string_view>>& verbs) {
  text += fmt::format("_holdfast_{}() {{\n  local -a verbs=(\n", name);
  for (const auto& [verb, summary] : verbs)
    text += fmt::format("    {}\n", zsh_quoted(fmt::format("{}:{}", verb, summary), ""));
  text += "  )\n  _describe -t verbs verb verbs\n}\n\n";
}

// One branch of the function that offers what follows a verb.
void add_verb(std::string& text, const Command& command) {
  text += fmt::format("    ({})\n      _arguments -s -S : $holdfast_flags", last_word(command));
  add_flags(text, "        ", shown_options(command));
  // For words of which nothing is known zsh would show a message in place of a flag.
  const Offer words = offer_of(command);
  if (words.kind != Offer::Kind::words || !words.words.empty())
    text += fmt::format(" \\\n        '*: :'{}", action(words));
  text += "\n      ;;\n";
}

void begin_branches(std::string& text, std::string_view name) {
  text += fmt::format("_holdfast_{}() {{\n  case $words[1] in\n", name);
}

constexpr std::string_view end_branches = "  esac\n}\n\n";

}  // namespace

std::string zsh_completion(std::span<const Command* const> commands,
                           std::span<const Option> global_options) {
  std::string text(head);
  std::vector<const Option*> globals;
  for (const Option& option : global_options) {
    if (!option.hidden) globals.push_back(&option);
  }
  text += "_holdfast_flags() {\n  holdfast_flags=(";
  for (const Option* option : globals) text += fmt::format("\n    {}", flag_spec(*option));
  text += "\n  )\n}\n\n";
  const std::vector<CompletedWord> words = completed_words(commands);
  std::vector<std::pair<std::string_view, std::string_view>> verbs;
  std::string branches;
  begin_branches(branches, "verb");
  for (const CompletedWord& word : words) {
    verbs.emplace_back(word.name, word.summary);
    if (word.command != nullptr) {
      add_verb(branches, *word.command);
    } else if (!word.verbs.empty()) {
      std::vector<std::pair<std::string_view, std::string_view>> nested;
      for (const Command* verb : word.verbs) nested.emplace_back(last_word(*verb), verb->summary);
      add_verbs(text, fmt::format("{}_verbs", word.name), nested);
      begin_branches(text, fmt::format("{}_verb", word.name));
      for (const Command* verb : word.verbs) add_verb(text, *verb);
      text += end_branches;
      branches += fmt::format(
          "    ({0})\n      _arguments -C -s -S : $holdfast_flags '1: :_holdfast_{0}_verbs' \\\n"
          "        '*:: :_holdfast_{0}_verb'\n      ;;\n",
          word.name);
    } else {
      branches +=
          "    (help)\n      shift words\n      (( CURRENT-- ))\n      if (( CURRENT == 1 )); "
          "then _holdfast_verbs; else _holdfast_verb; fi\n      ;;\n";
    }
  }
  add_verbs(text, "verbs", verbs);
  text += branches + "  esac\n}\n";
  text += tail;
  return text;
}

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.h"

namespace holdfast::cli {

namespace {

Offer to_offer(std::string_view text) {
  if (text.empty()) return {};
  if (text == "FILE") return {Offer::Kind::file};
  if (text == "DIRECTORY") return {Offer::Kind::directory};
  return {Offer::Kind::words, split(text, ' ')};
}

}  // namespace

std::vector<CompletedWord> completed_words(std::span<const Command* const> commands) {
  std::vector<CompletedWord> words;
  for (const Command* command : commands) {
    if (command->hidden) continue;
    const std::string_view first = command->name.substr(0, command->name.find(' '));
    if (first == command->name) {
      words.push_back({first, std::string(command->summary), command});
      continue;
    }
    const auto same = std::find_if(words.begin(), words.end(),
                                   [&](const CompletedWord& word) { return word.name == first; });
    if (same == words.end()) {
      words.push_back({first, {}, nullptr, {command}});
    } else {
      same->verbs.push_back(command);
    }
  }
  for (CompletedWord& word : words) {
    std::vector<std::string> names;
    for (const Command* verb : word.verbs) names.emplace_back(last_word(*verb));
    if (!names.empty()) word.summary = joined(names, ", ");
  }
  words.push_back({"help", "Explain a verb", nullptr});
  return words;
}

std::string_view last_word(const Command& command) noexcept {
  return command.name.substr(command.name.rfind(' ') + 1);
}

std::vector<const Option*> shown_options(const Command& command) {
  std::vector<const Option*> shown;
  for (const OptionTables* tables : {&command.options, &command.instance_options}) {
    for (const auto& table : *tables) {
      for (const Option& option : table) {
        const bool is_known = std::any_of(shown.begin(), shown.end(), [&](const Option* other) {
          return other->name == option.name;
        });
        if (!option.hidden && !is_known) shown.push_back(&option);
      }
    }
  }
  return shown;
}

Offer offer_of(const Option& option) {
  if (!option.values.empty()) return to_offer(option.values);
  if (option.value_name == "file") return {Offer::Kind::file};
  if (option.value_name == "directory") return {Offer::Kind::directory};
  return {};
}

Offer offer_of(const Command& command) {
  return to_offer(command.words);
}

}  // namespace holdfast::cli

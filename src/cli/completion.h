// SPDX-License-Identifier: Apache-2.0
// Completions for shells, made from the tables of the verbs. Pure: text out, no printing.
//
// Each script knows every verb and flag of the help and nothing else; what a value or word may be
// comes from the tables (`values`, `words`). None asks the program or a repository anything.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace holdfast::cli {

// To be sourced by bash 4.4 or later; stands alone.
[[nodiscard]] std::string bash_completion(std::span<const Command* const> commands,
                                          std::span<const Option> global_options);
// A file `_holdfast` in zsh's $fpath; may be sourced as well, after compinit.
[[nodiscard]] std::string zsh_completion(std::span<const Command* const> commands,
                                         std::span<const Option> global_options);
// To be sourced by fish 3.0 or later, or found in its vendor_completions.d.
[[nodiscard]] std::string fish_completion(std::span<const Command* const> commands,
                                          std::span<const Option> global_options);

// A verb, or a word that several verbs begin with, as "key" of "key list".
struct CompletedWord {
  std::string_view name;
  std::string summary;
  const Command* command = nullptr;        // null: `verbs` follow
  std::vector<const Command*> verbs = {};  // "key list", "key add"; empty for a verb
};
// What may follow the program's name, without what is hidden, and `help` last.
[[nodiscard]] std::vector<CompletedWord> completed_words(std::span<const Command* const> commands);
// "list" of "key list"; the whole name of a verb of one word.
[[nodiscard]] std::string_view last_word(const Command& command) noexcept;

// The flags of both forms of a verb, without what is hidden; each name once.
[[nodiscard]] std::vector<const Option*> shown_options(const Command& command);

// What may stand in a place: one of these words (none: nothing is known), or the name of a file or
// directory.
struct Offer {
  enum class Kind { words, file, directory } kind = Kind::words;
  std::vector<std::string> words = {};
};
[[nodiscard]] Offer offer_of(const Option& option);
[[nodiscard]] Offer offer_of(const Command& command);

}  // namespace holdfast::cli

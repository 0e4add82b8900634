// SPDX-License-Identifier: Apache-2.0
// From the words of a command line to a verb and its options. Knows the tables of command.h, not
// what they mean.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/variables.h"

namespace holdfast::cli {

// The options and words of one invocation. Every name that is asked for must be in the verb's
// tables or the global one (Errc::bug otherwise).
class Arguments {
 public:
  Arguments(std::vector<const Option*> options, const Variables& variables)
      : options_(std::move(options)), variables_(&variables) {}

  // Whether the option stands on the command line.
  [[nodiscard]] bool on_command_line(std::string_view name) const;
  // Whether it stands there or its variable is set.
  [[nodiscard]] bool given(std::string_view name) const;

  // A flag, from the command line or its variable (1, t, true, 0, f, false in any case).
  // Errc::usage for other texts.
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] unsigned count(std::string_view name) const;
  // The last value given, else that of the variable.
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  [[nodiscard]] std::string value_or(std::string_view name, std::string_view otherwise) const;
  // All values given; of a variable at most one.
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
  // A whole number; Errc::usage naming option or variable for anything else or one above `most`.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name,
                                                    std::uint64_t most) const;

  // What a message calls the source of the option's value: "--pack-size" or "RESTIC_PACK_SIZE".
  [[nodiscard]] std::string origin(std::string_view name) const;

  // The words that are no options, without the verb.
  [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

  // For the parser.
  void add(const Option& option, std::string value);
  void add_word(std::string word) { words_.push_back(std::move(word)); }
  [[nodiscard]] const std::map<std::string_view, std::vector<std::string>>& all_given()
      const noexcept {
    return given_;
  }

 private:
  [[nodiscard]] const Option& option(std::string_view name) const;
  std::vector<const Option*> options_;
  const Variables* variables_;
  std::map<std::string_view, std::vector<std::string>> given_;  // keyed by Option::name
  std::vector<std::string> words_;
};

struct ParsedLine {
  const Command* command = nullptr;  // null: no verb
  std::string
      verb_group;  // "key": a verb that needs another word, which is missing; command is then null
  Arguments arguments;
  bool help = false;  // -h or --help
};

// Whether these arguments mean the form of the verb that works on an instance.
[[nodiscard]] bool is_instance_form(const Command& command, const Arguments& arguments);

// `words` are those behind the program's name. Errc::usage for an unknown verb or option (naming
// the nearest), a missing value, a value for a flag that is none, or an option of the other form of
// the verb.
[[nodiscard]] ParsedLine parse_command_line(const std::vector<std::string>& words,
                                            std::span<const Command* const> commands,
                                            std::span<const Option> global_options,
                                            const Variables& variables);

// Of `candidates` the one that differs from `text` by the fewest letters; empty if none is near.
[[nodiscard]] std::string nearest(std::string_view text,
                                  const std::vector<std::string_view>& candidates);

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// Help made from the tables of the verbs. Pure: text out, no printing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace holdfast::cli {

// What an option does, and all that help adds: that it may be given again, and its variables.
[[nodiscard]] std::string option_help(const Option& option);
struct GroupTitle {
  VerbGroup group;
  std::string_view title;
};
// In the order of the help.
[[nodiscard]] std::span<const GroupTitle> group_titles() noexcept;
// What is printed of exit codes.
inline constexpr std::string_view exit_codes_text =
    "Exit codes: 0 done, 1 failed, 3 done but incomplete, 10 no repository, 11 locked,\n"
    "12 wrong password, 20 a preflight check says stop, 21 a drill or comparison failed,\n"
    "22 the copy is not consistent, 130 interrupted, 2 a bug.\n";

// What `holdfast help` says: the verbs by group, and where to go on.
[[nodiscard]] std::string help_overview(std::span<const Command* const> commands);
// What `holdfast help key` says: the verbs that begin with this word.
[[nodiscard]] std::string help_verb_group(std::span<const Command* const> commands,
                                          std::string_view word);
// What `holdfast help VERB` and `holdfast VERB --help` say. `width`: cells to wrap at.
[[nodiscard]] std::string help_verb(const Command& command, std::span<const Option> global_options,
                                    std::size_t width);

}  // namespace holdfast::cli

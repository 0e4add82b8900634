// SPDX-License-Identifier: Apache-2.0
// Help made from the tables of the verbs. Pure: text out, no printing.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace holdfast::cli {

// What `holdfast help` says: the verbs by group, and where to go on.
[[nodiscard]] std::string help_overview(std::span<const Command* const> commands);
// What `holdfast help key` says: the verbs that begin with this word.
[[nodiscard]] std::string help_verb_group(std::span<const Command* const> commands,
                                          std::string_view word);
// What `holdfast help VERB` and `holdfast VERB --help` say. `width`: cells to wrap at.
[[nodiscard]] std::string help_verb(const Command& command, std::span<const Option> global_options,
                                    std::size_t width);

}  // namespace holdfast::cli

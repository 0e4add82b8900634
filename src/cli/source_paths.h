// SPDX-License-Identifier: Apache-2.0
// What a backup is told to save: words of the command line and lists in files.
#pragma once

#include <string>
#include <vector>

#include "cli/invocation.h"

namespace holdfast::cli {

// --files-from and its like.
inline constexpr std::array source_list_options{
    Option{.name = "files-from",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "save what the lines of a file name, which may be globs; # begins a comment"},
    Option{.name = "files-from-verbatim",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "the same, but every line is a name as it stands"},
    Option{.name = "files-from-raw",
           .kind = OptionKind::list,
           .value_name = "file",
           .help = "the same, but names end in a NUL byte"},
};

// All paths that words and lists name, as they were given. A glob without a match is a warning. "-"
// is standard input. Errc::usage if there is none, or a raw list is malformed.
[[nodiscard]] std::vector<std::string> source_paths(Invocation& invocation);

// Whether one of the lists is to be read from standard input.
[[nodiscard]] bool lists_use_input(const Arguments& arguments);

}  // namespace holdfast::cli

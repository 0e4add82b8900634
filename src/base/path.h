// SPDX-License-Identifier: Apache-2.0
// Paths as texts: clean, and absolute. Touches no file but the working directory.
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

// `path` without `.`, `..` and superfluous slashes, as far as the text alone tells: a `..` goes
// with the name in front of it, whatever that is. "." of nothing.
[[nodiscard]] std::string clean_path(std::string_view path);

// The working directory by the name the user has for it: $PWD if that is it, which may lead through
// symlinks; else as the system says. Errc of the system if it has no name any more.
[[nodiscard]] std::string working_directory();

// `path` clean, and from the working directory if it is relative.
[[nodiscard]] std::string absolute_path(std::string_view path);

}  // namespace holdfast

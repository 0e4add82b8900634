// SPDX-License-Identifier: Apache-2.0
// One run of the program: words in, exit code out. Everything outside is in the Environment, so
// that tests run verbs in their own process.
#pragma once

#include <string>
#include <vector>

#include "cli/environment.h"

namespace holdfast::cli {

// `words` are those behind the program's name. Never throws: errors are printed and become the exit
// code.
[[nodiscard]] int run(const std::vector<std::string>& words, Environment& environment) noexcept;

// "0.1.0"
[[nodiscard]] std::string program_version();

}  // namespace holdfast::cli

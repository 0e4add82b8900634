// SPDX-License-Identifier: Apache-2.0
// One run of the program: words in, exit code out. Everything outside is in the Environment, so
// that tests run verbs in their own process.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cli/environment.h"

namespace holdfast::cli {

// `words` are those behind the program's name. Never throws: errors are printed and become the exit
// code.
[[nodiscard]] int run(const std::vector<std::string>& words, Environment& environment) noexcept;

// Prints what ended a run, as text or, if the words ask for it, as JSON; the exit code.
[[nodiscard]] int report_error(const Error& error, const std::vector<std::string>& words,
                               TextStream& errors);

// "0.1.0"
[[nodiscard]] std::string program_version();

}  // namespace holdfast::cli

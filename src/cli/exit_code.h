// SPDX-License-Identifier: Apache-2.0
// The one place where names of errors become exit codes. docs/errors.md says the same; a test
// compares.
#pragma once

#include "base/error.h"

namespace holdfast::cli {

inline constexpr int exit_done = 0;

[[nodiscard]] int exit_code(Errc code) noexcept;

}  // namespace holdfast::cli

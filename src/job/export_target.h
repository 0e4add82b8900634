// SPDX-License-Identifier: Apache-2.0
// Whether an export can be put where it is to go, found out before anything is copied or stopped.
#pragma once

#include <filesystem>

#include "job/preflight.h"

namespace holdfast::job {

// The place under its own name: absolute, and no link in the way to it. Its parent, in which the
// export grows before it is renamed, is there and may be written to; it itself is not there, or is
// an empty directory that can be replaced. Errc::usage, not_found, exists or denied naming what is
// in the way.
[[nodiscard]] std::filesystem::path check_export_target(const std::filesystem::path& target);

// Errc::usage if the target, as of check_export_target(), lies in what is to be copied, or that in
// the target. What is excluded from the copy is no part of it.
void check_export_apart(const std::filesystem::path& target, const Survey& survey);

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
// Directories of jobs: where they put what is thrown away again, and making those they write to.
#pragma once

#include <filesystem>

namespace holdfast::job {

// TMPDIR, else /var/tmp.
[[nodiscard]] std::filesystem::path scratch_base();

// Makes a directory and its parents, where they are missing. Errors are those of system_error().
void make_directories(const std::filesystem::path& directory);

}  // namespace holdfast::job

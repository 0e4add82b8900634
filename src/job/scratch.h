// SPDX-License-Identifier: Apache-2.0
// Directories of jobs: where they put what is thrown away again, and making those they write to.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/json.h"

namespace holdfast::job {

// TMPDIR, else /var/tmp.
[[nodiscard]] std::filesystem::path scratch_base();

// Makes a directory and its parents, where they are missing. Errors are those of system_error().
void make_directories(const std::filesystem::path& directory);

// A path for a directory of a job's own that nobody has. It is announced before it is made, so that
// nothing is left wherever the job is killed.
[[nodiscard]] std::filesystem::path new_scratch_path(std::string_view name_prefix,
                                                     const std::filesystem::path& below);
// Makes it, for us alone.
void make_scratch(const std::filesystem::path& path);

// The undo of an entry of kind "scratch", whose directory is to be made at `path`: where that is
// and by which inode and file system its parent, which is there, is known again.
[[nodiscard]] Json scratch_undo(const std::filesystem::path& path);
// Removes the directory. No error if it is gone; but if its parent is another than it was, nobody
// can tell: Errc::not_found, as on a disk that is not mounted.
void erase_scratch(const Json& undo);

}  // namespace holdfast::job

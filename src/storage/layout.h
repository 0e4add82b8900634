// SPDX-License-Identifier: Apache-2.0
// Where a file of a repository lies below its root: restic's default layout, which all drivers but
// REST share. Paths are relative and use slashes.
//
// Source: restic doc/design.rst, "Repository Layout"; restic internal/backend/layout.
#pragma once

#include <string>
#include <string_view>

#include "storage/storage.h"

namespace holdfast::storage {

// "index", "data", …; empty for the config, which lies in the root.
[[nodiscard]] std::string_view kind_directory(FileKind kind) noexcept;
// The directory of one file: "index", or "data/3f" for a pack.
[[nodiscard]] std::string file_directory(const FileRef& file);
// "config", "index/3f2a…", "data/3f/3f2a…". Errc::bug for a name that is none.
[[nodiscard]] std::string file_path(const FileRef& file);
// The two hex digits "00".."ff" of a number below 256.
[[nodiscard]] std::string two_digits(unsigned number);

}  // namespace holdfast::storage

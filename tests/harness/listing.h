// SPDX-License-Identifier: Apache-2.0
// What a directory holds, as text that can be compared: for tests that restore.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace holdfast::test {

// By path below the directory ("" is itself): type, mode, owner, modification time, link target,
// size and SHA-256 of the content.
using Listing = std::map<std::string, std::string>;

[[nodiscard]] Listing list_directory(const std::filesystem::path& directory);

// What differs, a line each; empty if nothing does.
[[nodiscard]] std::string difference(const Listing& expected, const Listing& found);

}  // namespace holdfast::test

// SPDX-License-Identifier: Apache-2.0
// Genuine files of other programs and people, which are no part of this project: tests that want
// one are skipped where it is not there.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

namespace holdfast::test {

// A file below the directory that HOLDFAST_FOREIGN_FIXTURES names, which is `../shared/fixtures`
// beside the sources unless it is set. Nothing if it is not there.
[[nodiscard]] inline std::optional<std::filesystem::path> foreign_fixture(
    std::string_view relative) {
  const char* const named = std::getenv("HOLDFAST_FOREIGN_FIXTURES");
  const std::filesystem::path directory =
      named != nullptr && *named != '\0'
          ? std::filesystem::path(named)
          : std::filesystem::path(HOLDFAST_SOURCES "/../shared/fixtures").lexically_normal();
  std::filesystem::path file = directory / relative;
  if (!std::filesystem::is_regular_file(file)) return std::nullopt;
  return file;
}

}  // namespace holdfast::test

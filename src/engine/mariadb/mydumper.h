// SPDX-License-Identifier: Apache-2.0
// The directories that mydumper writes: which file is what, and whether the dump was finished.
// Connects to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/value.h"

namespace holdfast::engine::mariadb {

// In the order in which they are loaded.
enum class MydumperKind : std::uint8_t { sequence, table, rows, view, trigger, code, unknown };

struct MydumperFile {
  std::string schema;
  std::filesystem::path path;
  MydumperKind kind = MydumperKind::unknown;
};

struct MydumperDirectory {
  std::string started, finished;  // as written; empty if it does not say so
  bool is_complete = false;
  std::vector<std::string> databases;              // by name
  std::vector<MydumperFile> files;                 // by kind, then by name
  std::map<model::TableName, std::uint64_t> rows;  // where the metadata count them
  std::uint64_t size_bytes = 0;
};

// Nothing if the directory is none of mydumper's.
[[nodiscard]] std::optional<MydumperDirectory> read_mydumper(
    const std::filesystem::path& directory);
// What a file in such a directory holds, by its name; nothing for what is no part of the dump.
// Pure.
[[nodiscard]] std::optional<MydumperKind> mydumper_kind(std::string_view file_name);
// What stands in file names for the schema: the longest of `known` that fits, else all up to the
// first dot. Pure.
[[nodiscard]] std::string mydumper_prefix(std::string_view file_name,
                                          const std::vector<std::string>& known);

}  // namespace holdfast::engine::mariadb

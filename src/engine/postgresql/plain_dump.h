// SPDX-License-Identifier: Apache-2.0
// Scripts made by pg_dump and pg_dumpall: what they say of themselves, and whether they are whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "engine/decompress.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// Whether the text begins as such a script does.
[[nodiscard]] bool is_plain_dump(std::string_view front) noexcept;
// Whether it ends as one does.
[[nodiscard]] bool ends_as_plain_dump(std::string_view back) noexcept;

struct PlainDump {
  bool of_cluster = false;  // made by pg_dumpall
  std::string server_version, dump_version;
  std::vector<std::string> databases;  // of `\connect`
  std::vector<model::TableFacts> tables;
  std::vector<model::ObjectFacts> objects;
  std::uint64_t statements = 0, large_objects = 0;
  std::vector<std::string> problems;  // why it is not whole
};

// Versions, from the first lines.
[[nodiscard]] PlainDump read_plain_front(std::string_view front);
// Reads it to its end.
[[nodiscard]] PlainDump read_plain_dump(ByteSource& source);

// The table and the columns that a COPY statement names; no columns: all.
struct CopyTarget {
  model::TableName table;
  std::vector<std::string> columns;
};
// Errc::corrupt if it is no COPY statement.
[[nodiscard]] CopyTarget parse_copy(std::string_view statement);
// How many rows an INSERT statement has; nothing if it is none, or takes them from a query.
struct InsertTarget {
  model::TableName table;
  std::uint64_t rows = 0;
};
[[nodiscard]] std::optional<InsertTarget> parse_insert(std::string_view statement);

// One row of COPY's text format as texts; a field that is \N is null. Errc::corrupt.
[[nodiscard]] model::Row parse_copy_line(std::string_view line);

// A file as plain text, decompressed if it is compressed; `compression` says how it was.
[[nodiscard]] std::unique_ptr<ByteSource> open_plain(const std::filesystem::path& file,
                                                     Compression* compression = nullptr);

}  // namespace holdfast::engine::postgresql

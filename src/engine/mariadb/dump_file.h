// SPDX-License-Identifier: Apache-2.0
// Dumps as mariadb-dump, mysqldump and mydumper write them: what they say of themselves, their
// tables and rows. Reads streams in bounded memory; connects to nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "model/value.h"

namespace holdfast::engine::mariadb {

// What the comments of a dump say.
struct DumpHeader {
  bool is_dump = false;
  std::string program;  // "MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for …"
  std::string host, database, server_version;
  std::string completed;  // "2026-11-20 10:56:01"; empty if it does not say so
  bool is_complete = false;
};

struct DumpTable {
  std::vector<model::Column> columns;
  std::string create;
  std::uint64_t rows = 0;
};

struct DumpContent {
  DumpHeader header;
  std::vector<std::string> databases;  // of USE and CREATE DATABASE
  std::string schema;                  // in which statements are: of the last USE; may be empty
  std::map<model::TableName, DumpTable> tables;
  struct Object {
    std::string schema, kind, name, text;
  };
  std::vector<Object> objects;
  bool ended_within = false;  // within a statement
};

// Whether the beginning of a file is that of a dump.
[[nodiscard]] bool looks_like_dump(std::string_view front);
// The same without the line that makes the servers' client forbid its own commands:
// "/*!999999\\- enable the sandbox mode */", or with /*M!.
[[nodiscard]] std::string_view without_sandbox_line(std::string_view front);
// Adds what one comment line says.
void read_comment(std::string_view line, DumpHeader& header);
// A file of a dump as it is read, unpacked if it is packed by gzip, zstd or lz4.
[[nodiscard]] std::unique_ptr<ByteSource> open_dump(const std::filesystem::path& file);
// Whether a file with this beginning is packed in such a way.
[[nodiscard]] bool is_packed(ByteView front) noexcept;
// How a script ends its statements.
inline constexpr std::string_view dump_delimiter = ";";
inline constexpr std::string_view mydumper_delimiter = ";\n";

// Calls take(line) for each line of it, without line breaks.
template <typename Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    take(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

// Reads it all. `rows_of`: the table whose rows go to `rows`, of `content.schema`; "b.t" may be
// table t of schema b; empty: none. Errc::cancelled soon after a stop request.
void read_dump(ByteSource& source, std::string_view delimiter, DumpContent& content,
               const model::TableName& rows_of, const std::function<void(const model::Row&)>& rows,
               const std::stop_token& stop);
[[nodiscard]] bool is_wanted(const model::TableName& table, const model::TableName& wanted);
// The schemas that a dump turns to, in its order; the one that its comments name if it turns to
// none; none at all if they name none either. Only a hint: a text may hold what looks like it.
[[nodiscard]] std::vector<std::string> schemas_of_dump(const std::filesystem::path& file,
                                                       const std::stop_token& stop);

}  // namespace holdfast::engine::mariadb

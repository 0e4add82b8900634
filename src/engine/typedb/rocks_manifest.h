// SPDX-License-Identifier: Apache-2.0
// The MANIFEST of a RocksDB directory, as far as it names column families and tables: which
// families there are tells the encoding of a TypeDB 2 database without opening it, beside a server
// that has it open. And the form that it shares with the logs of commits.
//
// Sources: facebook/rocksdb, db/log_format.h (blocks of 32 KiB, records with a masked CRC-32C),
// db/version_edit.h and db/version_edit.cc of v7.8.3 and v10.4.2 (tags; those with bit 13 set may
// be passed over, and are counted bytes). Speedb 2.4.1 and 2.6.0 write the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/stream.h"

namespace holdfast::engine::typedb {

// CRC-32C (Castagnoli).
[[nodiscard]] std::uint32_t crc32c(ByteView bytes) noexcept;
// How RocksDB stores one.
[[nodiscard]] constexpr std::uint32_t masked_crc(std::uint32_t crc) noexcept {
  return ((crc >> 15U) | (crc << 17U)) + 0xa282ead8U;
}

struct RocksManifest {
  std::map<std::uint32_t, std::string> column_families;  // by number; 0 is "default"
  // The tables that there must be, by number; each is a file of that number, `.sst`.
  struct Table {
    std::uint32_t family = 0;
    std::uint64_t size_bytes = 0;
  };
  std::map<std::uint64_t, Table> tables;
  std::uint64_t last_sequence = 0;
  std::uint64_t log_number = 0;  // older logs are needed no more; that one or a newer there must be
  std::uint64_t whole_bytes = 0;  // up to the end of the last whole record
  // What follows is no whole record: somebody is writing it, or died while he did.
  bool torn = false;
};
inline constexpr std::size_t rocks_tables_max = 1U << 17U, rocks_families_max = 1000;
inline constexpr std::size_t rocks_family_name_bytes_max = 1000;
// Errc::corrupt for what is no MANIFEST, for one with more of these, and for a torn edit that a
// whole one follows, with the byte; Errc::unsupported for a tag that is unknown and must not be
// passed over.
// Memory: the largest edit, at most 16 MiB, and about a hundred bytes for each table.
[[nodiscard]] RocksManifest parse_rocks_manifest(ByteSource& file);

struct RocksLogEnd {
  std::uint64_t whole_bytes = 0;  // up to the end of the last whole record
  bool torn = false;              // what follows is none: a server was ended while it wrote
  bool followed = false;          // and another record stands behind that, so that it is damage
};
// Compares the checksum of every record of a log of commits. Errc::corrupt with its name and the
// byte, unless nothing whole follows: that is torn. What follows where it is torn is looked for in
// the next 64 MiB.
[[nodiscard]] RocksLogEnd check_rocks_log(ByteSource& file, std::string_view name);

struct RocksLogFile {
  std::uint64_t number = 0;
  std::filesystem::path path;
  std::uint64_t size_bytes = 0;
};
// The logs in a directory, oldest first. Errors if it cannot be listed.
[[nodiscard]] std::vector<RocksLogFile> rocks_logs(const std::filesystem::path& directory);

// The name in a CURRENT file: "MANIFEST-000004". Errc::corrupt for anything else.
[[nodiscard]] std::string parse_rocks_current(std::string_view content);

}  // namespace holdfast::engine::typedb

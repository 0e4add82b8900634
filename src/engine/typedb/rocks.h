// SPDX-License-Identifier: Apache-2.0
// The RocksDB directories of TypeDB 2 through Debian's RocksDB: opened only for reading, beside a
// server that has them open, without a lock and without leaving a trace in them.
//
// Sources: facebook/rocksdb v7.8.3, include/rocksdb/db.h (OpenForReadOnly,
// GetLiveFilesStorageInfo), include/rocksdb/sst_file_reader.h (VerifyChecksum),
// db/db_impl/db_impl_readonly.cc; db/memtable_list.cc (a flush is in the MANIFEST before its log is
// removed); typedb/typedb, graph/common/Encoding.java of 2.6.0 (the key of the encoding),
// rocks/RocksDatabase.java of 2.5.0 and database/CorePartitionManager.java of 2.29.1 (merge
// operators).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::engine::typedb {

// read_rocks() and encoding_number() take logs into memory; larger ones are Errc::unsupported.
inline constexpr std::uint64_t rocks_memory_bytes_max = 1U << 30U;

// A file that belongs to a moment of a RocksDB directory.
struct RocksFile {
  std::string name;
  std::uint64_t size_bytes = 0;        // of it, from its start
  std::optional<std::string> content;  // instead of what the file has
};
struct RocksMoment {
  std::vector<RocksFile> files;  // by name
  std::uint64_t last_sequence = 0;
};
// What a server would have after a crash in this moment. It holds only if the MANIFEST that is read
// before is the one that is read afterwards: a log may vanish whose records have gone to a table
// that is not among the files. Errc::not_found for files that vanish meanwhile; corrupt.
[[nodiscard]] RocksMoment read_rocks(const std::filesystem::path& rocks);

// A text that differs once tables or logs have come or gone.
[[nodiscard]] std::string rocks_state(const std::filesystem::path& rocks);

// Reads every block of every table, and every record of the logs that are needed, of a directory
// that nobody writes to; logs of any size. Errc::corrupt naming what is damaged, not_found for a
// table that is missing; cancelled between two tables.
void verify_rocks(const std::filesystem::path& rocks, const std::stop_token& stop);

// The value of the key that tells the encoding, in `schema`; 0 if there is none.
[[nodiscard]] std::uint32_t encoding_number(const std::filesystem::path& schema);

}  // namespace holdfast::engine::typedb

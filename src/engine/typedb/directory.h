// SPDX-License-Identifier: Apache-2.0
// The directory of a TypeDB database, looked at without TypeDB, beside a server that has it open:
// which releases wrote it, whether it is whole, how many things are in it, who has it open.
// docs/findings.md lists the codes.
//
// Sources: typedb/typedb, rocks/RocksDatabase.java and rocks/RocksPartitionManager.java of 2.0.0
// and 2.6.0, database/CorePartitionManager.java of 2.7.1, 2.8.0, 2.29.1 (column families);
// storage/storage.rs and storage/recovery/checkpoint.rs of 3.12.3 (loading); facebook/rocksdb,
// env/fs_posix.cc of v7.8.3 (the lock on LOCK).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/embedded/file_lock.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/item.h"
#include "engine/typedb/releases.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/wal.h"
#include "model/finding.h"

namespace holdfast::engine::typedb {

struct DatabaseReport {
  std::filesystem::path path;        // its last name is the database's
  std::optional<Encoding> encoding;  // nothing: it cannot be told
  std::uint64_t size_bytes = 0;      // of its files; those that a checkpoint shares count again
  struct Lock {
    std::filesystem::path file;
    embedded::LockHolder holder;
  };
  std::optional<Lock> lock;  // of a server that has it open
  // TypeDB 2: its two RocksDB directories.
  std::optional<RocksManifest> schema, data;
  // TypeDB 3. Without checkpoints a server reads the whole log.
  std::optional<WalSummary> wal;
  std::vector<Checkpoint> checkpoints;
  // TypeDB 2, with `deep`: counted. TypeDB 3: what a server counted up to the commit `things_as_of`
  // and wrote down, if it ever did.
  std::optional<ThingCounts> things;
  std::optional<std::uint64_t> things_as_of;
  std::vector<model::Finding>
      findings;  // blockers among them: it does not open, or lacks something
};

// Whether it looks like one: RocksDB's `schema` and `data`, or `wal` with a segment, or `storage`
// with a keyspace. Other programs have directories of these names too.
[[nodiscard]] bool is_database(const std::filesystem::path& directory);
// The databases of a data directory, by name; hidden ones and `_system` too, not `_import`, which
// has what an import was given. If there is any, what is left of others too: directories with one
// of `schema` and `data`, and those that cannot be looked into.
[[nodiscard]] std::vector<std::filesystem::path> databases_in(
    const std::filesystem::path& data_directory);

// A symbolic link below it: a copied tree has the link and not what it leads to, so that a log or
// data on another disk would not be in the copy. Not looked for in `storage` of TypeDB 3, which no
// copy has. Errors for what may not be listed.
[[nodiscard]] std::optional<std::filesystem::path> link_below(
    const std::filesystem::path& database);

// `deep`: every record of a log is unpacked, every key of TypeDB 2 is read. What is wrong is a
// finding, and so is what the system refuses; the only Error is Errc::cancelled, soon after a stop
// request. `is_ours`: nobody else writes to it, and locks are ours.
[[nodiscard]] DatabaseReport examine_database(const std::filesystem::path& directory, bool deep,
                                              const std::stop_token& stop, bool is_ours = false);

}  // namespace holdfast::engine::typedb

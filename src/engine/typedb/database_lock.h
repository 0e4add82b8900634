// SPDX-License-Identifier: Apache-2.0
// Who has a database open, and keeping servers out of it.
//
// A server locks the file LOCK of every RocksDB directory that it has open; a file that is left
// behind means nothing. TypeDB 3 has no lock for all of a data directory, and cuts its logs before
// it takes any: what our locks cannot keep out is noticed by comparing the files.
//
// Source: facebook/rocksdb, env/fs_posix.cc of v7.8.3 (LockHelper: a write lock on the whole file).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/embedded/file_lock.h"

namespace holdfast::engine::typedb {

// Those that are there, in the order in which a server takes them.
[[nodiscard]] std::vector<std::filesystem::path> lock_files_of(
    const std::filesystem::path& database);

struct InUse {
  std::filesystem::path file;  // whose lock somebody has; the data directory if none is known
  embedded::LockHolder holder;
};
// "pid 123 (java app.jar) has /x/LOCK locked".
[[nodiscard]] std::string display(const InUse& use);

// Errc::denied if a lock file may not be opened.
[[nodiscard]] std::optional<InUse> who_has(const std::filesystem::path& database);
// Who has any database of the directory open, `_system` too, or runs as a server on it with none.
[[nodiscard]] std::optional<InUse> who_serves(const std::filesystem::path& data_directory);
// Errc::unavailable, naming him, if somebody does.
void refuse_if_served(const std::filesystem::path& data_directory);

// All locks of a database, let go with the object.
class DatabaseLocks {
 public:
  // Errc::unavailable naming who has one, with what to do; Errc::denied.
  explicit DatabaseLocks(const std::filesystem::path& database);
  // Whether the locked files are still those of the database. If not, nobody was kept out.
  [[nodiscard]] bool stand() const;

 private:
  std::vector<embedded::FileLock> locks_;
};

}  // namespace holdfast::engine::typedb

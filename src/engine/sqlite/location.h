// SPDX-License-Identifier: Apache-2.0
// Where a database file is, what lies beside it, and what this process may do there. Only looks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/json.h"
#include "model/endpoint.h"

namespace holdfast::engine::sqlite {

// The file of an endpoint, symbolic links resolved as far as it exists: SQLite names the siblings
// after that. "sqlite:/abs/path" or "/abs/path". Errc::usage for anything else, for options, users
// and passwords.
[[nodiscard]] std::filesystem::path path_of(const model::Endpoint& endpoint);

[[nodiscard]] std::filesystem::path wal_of(const std::filesystem::path& database);
[[nodiscard]] std::filesystem::path shm_of(const std::filesystem::path& database);
[[nodiscard]] std::filesystem::path journal_of(const std::filesystem::path& database);

// What stat(2) says; nothing if there is no such file (or it cannot be asked for).
struct FileFacts {
  bool regular = false;
  std::uint64_t size_bytes = 0;
  std::uint64_t device = 0, inode = 0, links = 0;
  std::int64_t changed_ns = 0;  // modification time
  // When the file came to be, 0 if unknown. With device and inode it tells a file from one that
  // took its number later.
  std::int64_t born_ns = 0;
  std::uint32_t mode = 0, uid = 0, gid = 0;
};
[[nodiscard]] std::optional<FileFacts> file_facts(const std::filesystem::path& path);

[[nodiscard]] bool may_read(const std::filesystem::path& path);
[[nodiscard]] bool may_write(const std::filesystem::path& path);

// What lies beside a database, as found at one look.
struct Siblings {
  std::uint64_t wal_bytes = 0;  // 0: none or empty
  bool shm = false;
  std::uint64_t journal_bytes = 0;  // 0: none or empty
  bool journal_live = false;        // its first byte is not zero: hot, unless its writer lives
};
[[nodiscard]] Siblings siblings_of(const std::filesystem::path& database);

// Removes -wal, -shm and -journal of a database that is gone. Errors if one stays.
void remove_siblings(const std::filesystem::path& database);

// Name of a network file system the file is on ("nfs", "cifs", …); empty for local ones; nothing if
// unknown.
[[nodiscard]] std::optional<std::string> network_filesystem(const std::filesystem::path& path);

// Mode and owner for the manifest, and put back from it: what is not permitted is left out.
void add_ownership(Json& facts, const FileFacts& file);
void apply_ownership(int fd, const Json& facts, const std::optional<FileFacts>& otherwise);

// `path` with a random suffix that marks it as ours: "/srv/app.db.holdfast-3f2a90c1d2e4".
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& path);

}  // namespace holdfast::engine::sqlite

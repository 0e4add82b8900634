// SPDX-License-Identifier: Apache-2.0
// The text of BACKUP and RESTORE, and how a database is spread over files. Pure.
//
// Sources: Transact-SQL Reference, BACKUP, RESTORE and RESTORE arguments; "SQL Server backup to URL
// for S3-compatible object storage" (10,000 parts of MAXTRANSFERSIZE to a URL, which is changed
// with COMPRESSION only; 64 URLs).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sqlserver/catalog.h"

namespace holdfast::engine::sqlserver {

// Where a backup goes to, or comes from.
enum class Medium : std::uint8_t { disk, s3 };

struct BackupPlan {
  Medium medium = Medium::disk;
  bool compressed = false;
  unsigned stripes = 1;
  std::uint64_t transfer_bytes = 0;  // MAXTRANSFERSIZE; 0: the server's own
};

// One file on disk, whatever its size, as pages of a striped backup are spread anew each time, so
// that nothing of it is met again in the repository. Of an S3 receiver as many as its number of
// parts makes needed. Errc::unsupported beyond 64 stripes.
[[nodiscard]] BackupPlan plan_backup(Medium medium, std::uint64_t size_bytes, bool compress,
                                     const ServerInfo& server);
// Whether that edition compresses backups: not Express, nor Web.
[[nodiscard]] bool may_compress(const ServerInfo& server) noexcept;
// Whether it writes backups to objects, and reads them there: 2022 and later, not Express.
[[nodiscard]] bool has_objects(const ServerInfo& server) noexcept;

// "backup.bak", or "backup_1.bak" … of several.
[[nodiscard]] std::string backup_part(unsigned stripe, unsigned stripes);

struct BackupStatement {
  std::string database, name;        // of the set
  std::vector<std::string> devices;  // paths in the server's words, or URLs; one for each stripe
  BackupPlan plan;
};
// BACKUP DATABASE … WITH COPY_ONLY, which leaves chains of differential and log backups of others
// as they are.
[[nodiscard]] std::string backup_text(const BackupStatement& backup);

// "DISK = N'…', DISK = N'…'".
[[nodiscard]] std::string devices_text(Medium medium, std::span<const std::string> devices);
[[nodiscard]] std::string header_text(Medium medium, std::span<const std::string> devices);
[[nodiscard]] std::string files_text(Medium medium, std::span<const std::string> devices);
[[nodiscard]] std::string verify_text(Medium medium, std::span<const std::string> devices);

// A line of RESTORE FILELISTONLY.
struct RestoredFile {
  std::string logical, physical;  // as it was
  char kind = 'D';                // D data, L log, S streams or in memory, F full text
  std::uint64_t size_bytes = 0;
  std::string to;  // where it goes
};
struct RestoreStatement {
  std::string database;
  Medium medium = Medium::disk;
  std::vector<std::string> devices;
  unsigned set = 1;                 // FILE = n
  std::vector<RestoredFile> files;  // each once, however many stripes there are
  bool has_checksums = true;
};
// Into a database that is not there: never WITH REPLACE.
[[nodiscard]] std::string restore_text(const RestoreStatement& restore);

// `file` in a directory of the server's, by its kind of path: "E:\\Data" or "/var/opt".
[[nodiscard]] std::string server_path(std::string_view directory, std::string_view file);
// Only letters, digits and what is harmless in a file's name on any system; the rest falls out.
[[nodiscard]] std::string plain_name(std::string_view name);
// Where its files go below the two directories, under names that no other database has: those of
// `database`, a number, and the ending that they had.
void place_files(std::span<RestoredFile> files, std::string_view database,
                 std::string_view data_directory, std::string_view log_directory);

}  // namespace holdfast::engine::sqlserver

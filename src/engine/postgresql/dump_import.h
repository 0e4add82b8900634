// SPDX-License-Identifier: Apache-2.0
// A dump of pg_dump's as what fills a database. Rows come straight from the file; definitions come
// from pg_restore, which alone knows how to say them.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/engine.h"
#include "engine/postgresql/archive_file.h"
#include "engine/postgresql/fill.h"
#include "engine/postgresql/target.h"

namespace holdfast::engine::postgresql {

class DumpImport {
 public:
  // Errc::unsupported for what is no dump of one database, corrupt for a damaged one.
  DumpImport(std::filesystem::path file, const Location& into, const LoadOptions& options,
             const std::stop_token& stop);

  // Tables with their numbers of rows, where the file has them; to be compared with the result.
  [[nodiscard]] const model::DatabaseFacts& expected() const noexcept { return expected_; }
  // nullptr: the server's own defaults.
  [[nodiscard]] const DatabaseProperties* properties() const noexcept {
    return properties_ ? &*properties_ : nullptr;
  }
  [[nodiscard]] std::uint64_t fill(const Location& place, const NameMapping& mapping,
                                   const std::stop_token& stop);
  // After fill(): what the dump says of the database as such, on the connection's; in a
  // transaction.
  void run_about_database(Connection& connection) const;

 private:
  [[nodiscard]] std::uint64_t fill_plain(const Location& place, const NameMapping& mapping,
                                         const std::stop_token& stop);
  [[nodiscard]] std::uint64_t fill_archive(const Location& place, const NameMapping& mapping,
                                           const std::stop_token& stop);
  [[nodiscard]] OpenStream script(const std::string& section, const std::stop_token& stop) const;

  std::filesystem::path file_;
  Location into_;
  const LoadOptions& options_;
  std::unique_ptr<ArchiveFile> archive_;  // none: a plain script
  std::optional<DatabaseProperties> properties_;
  model::DatabaseFacts expected_;
  std::vector<std::string> about_database_;  // statements, mapped
};

}  // namespace holdfast::engine::postgresql

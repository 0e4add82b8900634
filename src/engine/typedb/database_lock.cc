// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/database_lock.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "engine/typedb/checkpoint.h"
#include "engine/typedb/directory.h"
#include "engine/typedb/installation.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

[[noreturn]] void refuse(const fs::path& place, const InUse& use) {
  throw Error(Errc::unavailable, fmt::format("{} is in use: {}", place.native(), display(use)))
      .set_hint(
          "Stop that server, or set [quiesce] with `stop` and `start`, which must not return "
          "before "
          "it has ended.");
}

}  // namespace

std::vector<fs::path> lock_files_of(const fs::path& database) {
  std::vector<fs::path> files;
  for (const char* part : {"schema", "data"}) files.push_back(database / part / "LOCK");
  for (const std::string_view keyspace : keyspace_names)
    files.push_back(database / "storage" / keyspace / "LOCK");
  std::erase_if(files, [](const fs::path& file) { return !is_there(file); });
  return files;
}

std::string display(const InUse& use) {
  return fmt::format("{} has {} {}", embedded::display(use.holder), use.file.native(),
                     use.file.filename() == "LOCK" ? "locked" : "as its data directory");
}

std::optional<InUse> who_has(const fs::path& database) {
  for (const fs::path& file : lock_files_of(database))
    if (auto holder = embedded::who_locks(file)) return InUse{file, std::move(*holder)};
  return std::nullopt;
}

std::optional<InUse> who_serves(const fs::path& data_directory) {
  if (!is_there(data_directory)) return std::nullopt;
  for (const fs::path& database : databases_in(data_directory))
    if (auto use = who_has(database)) return use;
  for (const Installation& server : running_servers()) {
    std::error_code ignored;
    if (server.data_directory.empty() ||
        !fs::equivalent(server.data_directory, data_directory, ignored))
      continue;
    return InUse{data_directory, {server.pid.value_or(-1), "a server of TypeDB"}};
  }
  return std::nullopt;
}

void refuse_if_served(const fs::path& data_directory) {
  if (const std::optional<InUse> use = who_serves(data_directory)) refuse(data_directory, *use);
}

DatabaseLocks::DatabaseLocks(const fs::path& database) {
  for (const fs::path& file : lock_files_of(database)) {
    std::optional<embedded::FileLock> lock = embedded::FileLock::try_take({file, ""});
    if (!lock) {
      // Of this very file: others are locked by us.
      const auto holder = embedded::who_locks(file);
      refuse(database, InUse{file, holder.value_or(embedded::LockHolder{})});
    }
    locks_.push_back(std::move(*lock));
  }
}

bool DatabaseLocks::stand() const {
  return std::all_of(locks_.begin(), locks_.end(),
                     [](const embedded::FileLock& lock) { return lock.stands(); });
}

}  // namespace holdfast::engine::typedb

// SPDX-License-Identifier: Apache-2.0
#include "harness/sqlite_file.h"

#include <sqlite3.h>

#include "base/c_handle.h"
#include "base/error.h"

namespace holdfast::test {

struct SqliteFile::State {
  CHandle<sqlite3, sqlite3_close> handle;
  [[nodiscard]] Error error(const std::string& sql) const {
    return Error(Errc::io, std::string(sqlite3_errmsg(handle.get())) + ": " + sql);
  }
  // False if a lock was not had.
  bool try_run(const std::string& sql) const {
    const int result = sqlite3_exec(handle.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (result == SQLITE_OK) return true;
    if (result == SQLITE_BUSY || result == SQLITE_LOCKED) return false;
    throw error(sql);
  }
};

SqliteFile::SqliteFile(const std::filesystem::path& path, int busy_timeout_ms)
    : state_(std::make_unique<State>()) {
  sqlite3* handle = nullptr;
  const int result = sqlite3_open(path.c_str(), &handle);
  state_->handle.reset(handle);
  if (result != SQLITE_OK) throw state_->error(path.string());
  sqlite3_busy_timeout(handle, busy_timeout_ms);
}

SqliteFile::~SqliteFile() = default;

void SqliteFile::run(const std::string& sql) {
  if (!state_->try_run(sql)) throw state_->error(sql);
}

bool SqliteFile::try_transaction(const std::string& sql) {
  if (state_->try_run("begin immediate;" + sql + ";commit")) return true;
  if (sqlite3_get_autocommit(state_->handle.get()) == 0) run("rollback");
  return false;
}

std::string SqliteFile::value(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(state_->handle.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
    throw state_->error(sql);
  }
  const CHandle<sqlite3_stmt, sqlite3_finalize> statement(raw);
  const int result = sqlite3_step(raw);
  if (result == SQLITE_DONE) return {};
  if (result != SQLITE_ROW) throw state_->error(sql);
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(raw, 0));
  return text == nullptr ? std::string() : std::string(text);
}

void run_sql(const std::filesystem::path& path, const std::string& sql) {
  SqliteFile(path).run(sql);
}

std::string sql_value(const std::filesystem::path& path, const std::string& sql) {
  return SqliteFile(path).value(sql);
}

}  // namespace holdfast::test

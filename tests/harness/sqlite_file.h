// SPDX-License-Identifier: Apache-2.0
// SQLite databases as an application uses them, for tests: a few statements on a file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace holdfast::test {

class SqliteFile {
 public:
  // Opens, or makes, the database. All failures are Errors with SQLite's message.
  explicit SqliteFile(const std::filesystem::path& path, int busy_timeout_ms = 10'000);
  ~SqliteFile();
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  void run(const std::string& sql);
  // Statements between BEGIN IMMEDIATE and COMMIT. False, with nothing changed, if another kept a
  // database locked for longer than the time-out.
  [[nodiscard]] bool try_transaction(const std::string& sql);
  // The first column of the first row as text; "" for no row or null.
  [[nodiscard]] std::string value(const std::string& sql);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same in one go, on a database that is closed again afterwards.
void run_sql(const std::filesystem::path& path, const std::string& sql);
[[nodiscard]] std::string sql_value(const std::filesystem::path& path, const std::string& sql);

}  // namespace holdfast::test

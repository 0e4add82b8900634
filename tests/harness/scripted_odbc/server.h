// SPDX-License-Identifier: Apache-2.0
// Connections and statements of the scripted server, as its ODBC face has them.
#pragma once

#include <sql.h>
#include <sqlext.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/scripted_odbc/scenario.h"

namespace holdfast::test::scripted {

struct Diagnostic {
  std::string state;
  int number = 0;
  std::string text;
};

struct Handle {
  explicit Handle(SQLSMALLINT its_type) : type(its_type) {}
  virtual ~Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  const SQLSMALLINT type;
  std::vector<Diagnostic> diagnostics;
  SQLRETURN fail(std::string state, int number, std::string text) {
    diagnostics.push_back({std::move(state), number, std::move(text)});
    return SQL_ERROR;
  }
};

struct Environment final : Handle {
  Environment() : Handle(SQL_HANDLE_ENV) {}
};

struct Connection final : Handle {
  Connection() : Handle(SQL_HANDLE_DBC) {}
  // By a connection string; the scenario's home is in HOLDFAST_SCRIPTED_ODBC, or below it in a
  // directory of the server's name, or in the keyword HOME.
  SQLRETURN connect(const std::string& words);
  std::unique_ptr<Scenario> scenario;
  std::string database;
  unsigned process_id = 0;
  bool is_dead = false;
};

class Statement final : public Handle {
 public:
  explicit Statement(Connection& its_connection)
      : Handle(SQL_HANDLE_STMT), connection(its_connection) {}

  SQLRETURN execute(const std::string& sql);
  // The next result; SQL_NO_DATA behind the last.
  SQLRETURN more();
  void close();
  // From any thread.
  void cancel();

  [[nodiscard]] const std::vector<Column>* columns() const {
    return result_ ? &result_->columns : nullptr;
  }
  // Moves to the next row; nullptr behind the last.
  const std::vector<Cell>* next_row();
  [[nodiscard]] const std::vector<Cell>* row() const { return row_; }

  struct Binding {
    SQLSMALLINT c_type = 0;
    char* into = nullptr;
    SQLLEN room = 0;
    SQLLEN* told = nullptr;
  };
  Connection& connection;
  std::string prepared;
  std::map<SQLUSMALLINT, Binding> bindings;
  std::map<SQLUSMALLINT, std::size_t> given;  // of the current row, in pieces
  SQLULEN rowset_rows = 1;
  SQLULEN* rows_fetched = nullptr;
  SQLUSMALLINT* row_status = nullptr;
  SQLLEN row_count = -1;

 private:
  [[nodiscard]] SQLRETURN advance(bool is_first);
  [[nodiscard]] std::optional<SQLRETURN> take(const Step& step);
  [[nodiscard]] bool wait(int milliseconds);
  [[nodiscard]] std::string fill(const std::string& text) const { return filled(text, words_); }

  std::string sql_;
  Words words_;
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  int said_ = 0;  // of a repeated step
  bool has_information_ = false;
  std::optional<Step> result_;
  std::size_t next_row_ = 0;
  const std::vector<Cell>* row_ = nullptr;
  std::mutex mutex_;  // guards the next
  bool is_cancelled_ = false;
  std::condition_variable cancelled_;
};

}  // namespace holdfast::test::scripted

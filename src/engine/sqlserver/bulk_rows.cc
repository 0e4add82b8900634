// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/bulk_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "engine/sqlserver/odbc.h"
#include "engine/sqlserver/server_errors.h"
#include "engine/sqlserver/wide_text.h"

namespace holdfast::engine::sqlserver {
namespace {

// A server takes 2100 parameters, some of which are the driver's; more than some hundred gain
// nothing.
constexpr std::size_t parameters_max = 400;
constexpr std::size_t rows_of_statement_max = 256;
constexpr SQLLEN value_bytes_max = 0x7fff'ffff;
constexpr auto cancel_interval = std::chrono::milliseconds(100);

std::vector<Message> errors_of(SQLHANDLE statement) {
  std::vector<Message> found = diagnostics(SQL_HANDLE_STMT, statement);
  std::erase_if(found, is_information);
  return found;
}

// While it lives a stop request cancels, again and again: a cancel that comes before its statement
// is lost.
class Cancelling {
 public:
  Cancelling(SQLHANDLE statement, const std::stop_token& stop)
      : statement_(statement), on_stop_(stop, [this] {
          canceller_ = std::jthread([this](const std::stop_token& over) {
            while (!over.stop_requested()) {
              ::SQLCancel(statement_);
              std::this_thread::sleep_for(cancel_interval);
            }
          });
        }) {}

 private:
  SQLHANDLE statement_;
  std::jthread canceller_;  // goes behind what starts it
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace

class BulkRows::Statement {
 public:
  Statement(Session& session, const SqlTable& table, std::size_t rows)
      : session_(session), rows_(rows) {
    if (!SQL_SUCCEEDED(::SQLAllocHandle(SQL_HANDLE_STMT, session.handle(), &handle_)))
      throw Error(Errc::io, "ODBC has no memory for a statement");
    std::u16string sql = to_wide(insert_statement(table, rows));
    const SQLRETURN code =
        ::SQLPrepareW(handle_, units_of(sql), static_cast<SQLINTEGER>(sql.size()));
    if (!SQL_SUCCEEDED(code)) fail();
  }
  ~Statement() { ::SQLFreeHandle(SQL_HANDLE_STMT, handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void run(const RowBatch& batch, std::size_t first_row, const std::vector<Given>& given,
           const std::stop_token& stop) {
    sizes_.resize(rows_ * given.size());
    for (std::size_t i = 0; i < sizes_.size(); ++i)
      bind(i, batch, batch.cells[first_row * given.size() + i], given[i % given.size()]);
    if (parameters_ == nullptr && !SQL_SUCCEEDED(::SQLGetStmtAttr(handle_, SQL_ATTR_APP_PARAM_DESC,
                                                                  &parameters_, 0, nullptr)))
      fail();
    std::vector<Message> errors;
    {
      const Cancelling cancelling(handle_, stop);
      SQLRETURN code = ::SQLExecute(handle_);
      while (true) {
        const bool failed = code == SQL_ERROR || code == SQL_INVALID_HANDLE;
        if (failed || code == SQL_SUCCESS_WITH_INFO)
          std::ranges::move(errors_of(handle_), std::back_inserter(errors));
        if (failed && errors.empty()) errors.push_back(unexplained());
        if (!SQL_SUCCEEDED(code)) break;
        code = ::SQLMoreResults(handle_);
      }
      ::SQLFreeStmt(handle_, SQL_CLOSE);
    }
    if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped filling tables");
    if (!errors.empty()) fail(errors, {}, Errc::differs);
  }

 private:
  // The first time as a whole; then only where the value is, as a statement whose parameters are
  // bound anew is prepared anew.
  void bind(std::size_t number, const RowBatch& batch, const RowBatch::Cell& cell, Given given) {
    struct Form {
      SQLSMALLINT c_type, sql_type;
      SQLULEN size;
    };
    constexpr SQLULEN bytes_max = 0x7fff'ffff, units_max = 0x3fff'ffff;
    static constexpr std::array<Form, 4> forms{Form{SQL_C_SBIGINT, SQL_BIGINT, 0},
                                               Form{SQL_C_DOUBLE, SQL_DOUBLE, 0},
                                               // As it is, by no character set of the client's.
                                               Form{SQL_C_BINARY, SQL_WLONGVARCHAR, units_max},
                                               Form{SQL_C_BINARY, SQL_LONGVARBINARY, bytes_max}};
    const Form& form = forms[static_cast<std::size_t>(given)];
    sizes_[number] = cell.bytes < 0 ? SQLLEN{SQL_NULL_DATA} : SQLLEN{cell.bytes};
    auto* const value = const_cast<std::byte*>(batch.values.data() + cell.at);
    const SQLRETURN code =
        parameters_ == nullptr
            ? ::SQLBindParameter(handle_, static_cast<SQLUSMALLINT>(number + 1), SQL_PARAM_INPUT,
                                 form.c_type, form.sql_type, form.size, 0, value, value_bytes_max,
                                 &sizes_[number])
            : ::SQLSetDescField(parameters_, static_cast<SQLSMALLINT>(number + 1),
                                SQL_DESC_DATA_PTR, value, SQL_IS_POINTER);
    if (!SQL_SUCCEEDED(code)) fail();
  }
  // Rows are to blame, as `otherwise` says, only where the server says so.
  [[noreturn]] void fail(std::span<const Message> errors, std::string_view doing, Errc otherwise) {
    if (is_lost(errors)) session_.raise(errors, "the connection is gone");
    session_.raise(errors, doing, is_unexplained(errors) ? Errc::io : otherwise);
  }
  [[noreturn]] void fail() {
    std::vector<Message> errors = errors_of(handle_);
    if (errors.empty()) errors.push_back(unexplained());
    fail(errors, "giving rows", Errc::unsupported);
  }

  Session& session_;
  const std::size_t rows_;
  SQLHANDLE handle_ = nullptr;
  SQLHANDLE parameters_ = nullptr;  // their descriptor, once they are bound
  std::vector<SQLLEN> sizes_;
};

BulkRows::BulkRows(Session& session, const SqlTable& table) : session_(session), table_(table) {
  for (const std::size_t i : given_columns(table)) given_.push_back(given_as(table.columns[i]));
  check_rule(!given_.empty(), "rows are given for some column");
  rows_max_ = std::clamp<std::size_t>(parameters_max / given_.size(), 1, rows_of_statement_max);
  rows_max_ = std::bit_floor(rows_max_);
  statements_.resize(static_cast<std::size_t>(std::bit_width(rows_max_)));
}

BulkRows::~BulkRows() = default;

// A batch of any number of rows goes by statements for 1, 2, 4 … of them.
void BulkRows::insert(const RowBatch& batch, const std::stop_token& stop) {
  for (std::size_t row = 0; row < batch.rows;) {
    const std::size_t rows = std::bit_floor(std::min(batch.rows - row, rows_max_));
    auto& statement = statements_[static_cast<std::size_t>(std::countr_zero(rows))];
    if (!statement) statement = std::make_unique<Statement>(session_, table_, rows);
    statement->run(batch, row, given_, stop);
    row += rows;
  }
}

}  // namespace holdfast::engine::sqlserver

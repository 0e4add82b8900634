// SPDX-License-Identifier: Apache-2.0
// The face of SQLite: connections, statements and the copying of pages. lite.cc alone includes
// <sqlite3.h>.
//
// Every connection is opened for databases that nobody vouches for: no extensions, no functions
// with side effects in schemas, no writes to shadow tables or the schema, cells checked. Failures
// of SQLite become Errors that name the file: corrupt, denied, unavailable (locked by others),
// no_space, io, cancelled.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/c_handle.h"
#include "base/error.h"
#include "model/value.h"

struct sqlite3;
struct sqlite3_stmt;
struct sqlite3_backup;

namespace holdfast::engine::sqlite {

using SteadyTime = std::chrono::steady_clock::time_point;

// How a connection treats the file.
enum class Access : std::uint8_t {
  read_only,   // never recovers a journal: a hot one is Begin::hot_journal
  read_write,  // the file exists
  create,      // the file may have to be made
  immutable,   // read without any lock or sibling: the file is ours or known to be still
};

// How an attempt to take a lock ended.
enum class Begin : std::uint8_t {
  done,
  busy,         // others hold a lock that excludes ours, until the deadline
  hot_journal,  // a dead writer's transaction must be rolled back first, and this connection may
                // not
};

// One prepared statement. Belongs to its Connection, which outlives it.
class Statement {
 public:
  Statement(sqlite3_stmt* statement, sqlite3* connection, std::string name, Errc damage);
  // Goes to the next row; false at the end.
  [[nodiscard]] bool step();
  void reset();
  [[nodiscard]] int columns() const;
  [[nodiscard]] std::string column_name(int column) const;
  [[nodiscard]] std::string column_type(int column) const;  // as declared; empty for expressions
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column);
  [[nodiscard]] std::string text(int column);  // as SQLite writes the value; null is empty
  // Fills `row` with all columns: integers are numbers, text that is not valid is bytes.
  void read(model::Row& row);
  [[nodiscard]] bool writes() const;  // whether running it could change a database

  void bind(int parameter, std::string_view text);
  void bind(int parameter, std::int64_t value);
  // Exact integers, reals and bytes as what they are, all else as its text. Errc::unsupported for
  // another number, and for the real that is none, which SQLite would make null.
  void bind(int parameter, const model::Value& value);
  // Takes over a value of another statement's current row exactly as it is stored.
  void bind(int parameter, const Statement& row, int column);

 private:
  [[noreturn]] void fail(int code) const;
  static int finalize(sqlite3_stmt* statement);
  sqlite3* connection_;
  std::string name_;  // of the file, for messages
  Errc damage_;
  struct Delete {
    void operator()(sqlite3_stmt* statement) const noexcept {
      static_cast<void>(finalize(statement));
    }
  };
  std::unique_ptr<sqlite3_stmt, Delete> statement_;
};

// One connection. Used by one thread at a time; may move between threads.
class Connection {
 public:
  Connection(const std::filesystem::path& path, Access access);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;  // the path, for messages

  // Until when locks are waited for; a moment in the past: not at all. Never waits longer than a
  // stop request.
  void wait_until(SteadyTime deadline) noexcept;
  void wait_for(std::chrono::milliseconds duration) noexcept;
  // Statements end with Errc::cancelled soon after a request.
  void stop_with(std::stop_token stop);
  void check_stop() const;  // Errc::cancelled if requested: for work between statements
  // The code of Errors for damage; default Errc::corrupt.
  void report_damage_as(Errc code) noexcept;
  // Whether closing the last connection may move the write-ahead log's content into the file and
  // remove the log. Default: it may not, so that a log is left as it was found.
  void tidy_on_close(bool allowed);

  // Lets collations that only the application knows compare bytes, so that what does not depend on
  // them can be read.
  void pretend_collations();

  void run(const std::string& sql);
  // `error` is the code for SQL that does not compile.
  [[nodiscard]] Statement prepare(std::string_view sql, Errc error = Errc::corrupt);
  // The same, but SQL that does not compile here (a function or collation of the application's) is
  // nothing.
  [[nodiscard]] std::optional<Statement> try_prepare(std::string_view sql);
  [[nodiscard]] std::int64_t integer(std::string_view sql);  // of a query that has exactly one row
  [[nodiscard]] std::string text(std::string_view sql);

  // Begins a transaction that reads: the state is fixed, as a page has been read.
  [[nodiscard]] Begin begin_read();
  // Begins a transaction that keeps other writers out and changes nothing.
  [[nodiscard]] Begin begin_immediate();
  void rollback() noexcept;  // ends either; no error if there is none

  // The first bytes of the file, read without a lock and without the risk of dropping this
  // process's locks that opening and closing the file would bring. Fewer than asked at the end of
  // the file.
  [[nodiscard]] std::size_t read_front(std::span<std::byte> into);
  [[nodiscard]] std::uint64_t file_bytes();
  // Whether some connection of any process is about to write (holds RESERVED or more).
  [[nodiscard]] bool writer_is_active();

 private:
  friend class PageCopy;
  struct State;
  std::unique_ptr<State> state_;
};

// Copies a database page by page into another file, as sqlite3_backup does. If `source` is in a
// transaction, that state is copied; else the copying starts anew whenever somebody writes.
class PageCopy {
 public:
  PageCopy(Connection& target, Connection& source);
  enum class Step : std::uint8_t { more, done, busy, hot_journal };
  [[nodiscard]] Step step(int pages);
  // Pages copied so far; falls back when the copying starts anew.
  [[nodiscard]] std::int64_t copied() const;
  void finish();  // call after Step::done

 private:
  static int close(sqlite3_backup* backup);
  Connection& target_;
  Connection& source_;
  struct Delete {
    void operator()(sqlite3_backup* backup) const noexcept { static_cast<void>(close(backup)); }
  };
  std::unique_ptr<sqlite3_backup, Delete> backup_;
};

// `name` as an SQL identifier in double quotes.
[[nodiscard]] std::string quote_name(std::string_view name);
// Of the library in use: "3.40.1".
[[nodiscard]] std::string library_version();
// 3040001 as "3.40.1".
[[nodiscard]] std::string version_text(std::uint32_t number);

}  // namespace holdfast::engine::sqlite

// SPDX-License-Identifier: Apache-2.0
// The only door to SQL Server: a connection through ODBC, its results, rows into it, errors turned,
// stops heard.
//
// It knows statements and rows, nothing of backups. Sources: ODBC Programmer's Reference 3.8;
// FreeTDS User Guide 1.3 (connection attributes); Transact-SQL Reference, error messages.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "engine/sqlserver/location.h"

namespace holdfast::engine::sqlserver {

// What a server says: an error, or with severity 10 and less something to know, as "10 percent
// processed." (3211).
struct Message {
  int number = 0;
  std::string state;  // SQLSTATE
  std::string text;   // the server's own words, in its language, without the driver's brackets
  [[nodiscard]] std::string display() const;  // "3201 (42000): Cannot open backup device …"
};
using Hear = std::function<void(const Message&)>;

// A text in UTF-8, or null.
using Cell = std::optional<std::string>;

// How a column of a result is fetched. A text comes in UTF-8, bytes as they are, a real as the
// eight bytes of a double of this machine.
enum class Fetch : std::uint8_t { text, bytes, real };

class Session;

// The rows of one statement, read as they come. The session must outlive it and do nothing else
// until it is gone; given up before its end, it cancels the statement.
class Rows {
 public:
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) = delete;
  ~Rows();
  // The next row; false after the last.
  [[nodiscard]] bool next();
  [[nodiscard]] unsigned columns() const noexcept;
  [[nodiscard]] const std::string& name(unsigned column) const noexcept;  // of a column
  // A field of the current row, of any length; valid until next(). `data()` is nullptr for null.
  [[nodiscard]] std::string_view field(unsigned column) const noexcept;
  [[nodiscard]] bool is_null(unsigned column) const noexcept;
  // Of a column fetched as Fetch::real.
  [[nodiscard]] double real(unsigned column) const noexcept;

 private:
  friend class Session;
  struct State;
  explicit Rows(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// One session: autocommit, QUOTED_IDENTIFIER and what belongs to it ON, texts whole however long,
// messages in English where the server has them, dates by ISO 8601. Not for two threads at once.
class Session {
 public:
  // In the location's database, or with `in_database` false in the login's own. Errc::unavailable,
  // denied, not_found (the database, or the driver), usage.
  Session(const Location& location, const Secret* password, bool in_database,
          std::stop_token stop = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Another session like this one, without its stop token, in the database it is in.
  [[nodiscard]] std::unique_ptr<Session> again() const;
  // From now on a stop request cancels what runs, or where the server hears of no cancel, has it
  // end this session: Errc::cancelled.
  void stop_with(std::stop_token stop);
  void check_stop() const;  // Errc::cancelled

  // Runs a batch to its very end: all its results are fetched, as a server may cancel with the
  // statement what it still does. `hear` is told of all that is no error. What a failing statement
  // is called where nothing better is known from its number.
  void run(std::string_view sql, const Hear& hear = {}, Errc otherwise = Errc::io);
  // The same, with what failed as a value: every error that the server sent for the batch, the
  // first one first, as of BACKUP the first says why and the last that it was ended. Empty: none.
  // What breaks the connection is an Error all the same.
  [[nodiscard]] std::vector<Message> try_run(std::string_view sql, const Hear& hear = {});
  // The same; how many rows the last statement of the batch that counts them has changed.
  std::optional<std::uint64_t> change(std::string_view sql, Errc otherwise = Errc::io);

  // Rows of the first result that has columns, as texts; so many at most.
  [[nodiscard]] std::vector<std::vector<Cell>> query(
      std::string_view sql, std::size_t rows_max = std::numeric_limits<std::size_t>::max());
  // The same, nothing if the server does not know what is asked for or does not let us: 208, 207,
  // 229, 297, 300, 371, 916, 2812, 15151, 15247 and the like, also those of servers that only speak
  // its protocol. `said`: what it said; may be null.
  [[nodiscard]] std::optional<std::vector<std::vector<Cell>>> try_query(
      std::string_view sql, std::string* said = nullptr);
  // The first field of the first row; empty if there is none or it is null.
  [[nodiscard]] std::string value(std::string_view sql);
  // Columns by name, for results whose columns differ by release: RESTORE HEADERONLY. Names as the
  // server spells them.
  struct Named {
    std::vector<std::string> names;
    std::vector<std::vector<Cell>> rows;
    // Of a row, by name in any case; nothing if there is no such column or it is null.
    [[nodiscard]] Cell at(std::size_t row, std::string_view name) const;
  };
  // `errors`, which may be null, gets what the server says when it throws.
  [[nodiscard]] Named query_named(std::string_view sql, std::vector<Message>* errors = nullptr);
  // Rows with one entry of `fetch` for each column.
  [[nodiscard]] Rows stream(std::string_view sql, std::span<const Fetch> fetch);

  void use(std::string_view database);

  [[nodiscard]] const Location& location() const noexcept;
  [[nodiscard]] unsigned process_id() const noexcept;  // @@SPID
  // Whether nobody has verified whom we talk to, although it was asked for: FreeTDS without a file
  // of authorities takes any certificate.
  [[nodiscard]] bool is_unverified() const noexcept;
  [[nodiscard]] bool is_alive() noexcept;  // asks the server
  // ODBC's own handle of the connection (SQLHDBC), for bulk_rows.cc alone.
  [[nodiscard]] void* handle() noexcept;

  // Throws what such errors mean: Errc::denied, not_found, exists, unavailable, no_space,
  // not_consistent, cancelled, unsupported, or `otherwise`, with `doing` and all their words.
  [[noreturn]] void raise(std::span<const Message> errors, std::string_view doing,
                          Errc otherwise = Errc::io) const;

 private:
  friend class Rows;
  friend std::string driver_name(const Session& session);
  struct State;
  unsigned set_up();  // the session's number
  [[nodiscard]] std::vector<Message> batch(std::string_view sql, const Hear& hear,
                                           std::optional<std::uint64_t>& changed);
  // Rows of texts; `errors`, which may be null, gets those of the statement as values, too.
  [[nodiscard]] Rows texts(std::string_view sql, std::vector<Message>* errors);
  void moved_to(std::string_view database);
  std::unique_ptr<State> state_;
};

// [it]]s] in brackets.
[[nodiscard]] std::string identifier(std::string_view name);
// N'it''s'.
[[nodiscard]] std::string literal(std::string_view utf8);
// The version of the driver, "FreeTDS 1.3.17 (libtdsodbc.so)".
[[nodiscard]] std::string driver_name(const Session& session);

}  // namespace holdfast::engine::sqlserver

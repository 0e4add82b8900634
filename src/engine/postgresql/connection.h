// SPDX-License-Identifier: Apache-2.0
// The face of libpq: connections, statements, COPY in and out. connection.cc alone includes
// <libpq-fe.h>.
//
// Sessions are set up so that what they read is exact and the same on every server: ISO dates, UTC,
// shortest exact floats, hex bytea, no search path, no row-level security that hides rows (it makes
// statements fail), no time-outs, keepalives on both sides. Texts are UTF-8, but in databases whose
// encoding is unknown (SQL_ASCII); COPY names the database's own encoding, so that every byte of
// data survives. Failures become Errors that name the component and carry the SQLSTATE in their
// text: denied, not_found, exists, unavailable (connection, lock, shutdown, conflict), no_space,
// corrupt, unsupported, usage, cancelled, io.
//
// A connection is used by one thread at a time. A stop request ends what it is waiting for within
// moments: the server is told to cancel.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "engine/postgresql/location.h"
#include "engine/wide_row.h"

namespace holdfast::engine::postgresql {

// What a query gave, in memory: for catalogs, never for tables of the user's.
class Rows {
 public:
  struct Result;  // libpq's
  explicit Rows(std::shared_ptr<const Result> result) : result_(std::move(result)) {}
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t columns() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::string column_name(std::size_t column) const;
  [[nodiscard]] bool is_null(std::size_t row, std::size_t column) const;
  // Empty for null. The view lives as long as the rows; the text is the server's, in the session's
  // encoding.
  [[nodiscard]] std::string_view view(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::string text(std::size_t row, std::size_t column) const {
    return std::string(view(row, column));
  }
  [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;  // null: 0
  [[nodiscard]] bool boolean(std::size_t row, std::size_t column) const {
    return view(row, column) == "t";
  }

 private:
  std::shared_ptr<const Result> result_;
};

class Connection {
 public:
  // Connects and sets the session up. The stop token also ends connecting.
  explicit Connection(const Location& location, std::stop_token stop = {});
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  [[nodiscard]] const Location& location() const noexcept;
  [[nodiscard]] int server_version() const noexcept;  // 150018 for 15.18
  [[nodiscard]] int server_major() const noexcept { return server_version() / 10000; }
  // As the server says it: "15.18 (Debian 15.18-0+deb12u1)".
  [[nodiscard]] std::string server_version_text() const;
  [[nodiscard]] const std::string& encoding() const noexcept;  // of the database: "UTF8"
  [[nodiscard]] int backend_pid() const noexcept;
  [[nodiscard]] bool alive() const noexcept;  // as far as is known without asking

  // From now on statements end with Errc::cancelled soon after a request on this token.
  void stop_with(std::stop_token stop);
  // From now on a statement that takes longer ends with Errc::unavailable; none: no limit. The
  // clock of a COPY starts anew with every piece of data.
  void time_out_after(std::optional<std::chrono::milliseconds> time_out);

  // One or several statements without results that matter.
  void run(std::string_view sql);
  // One statement with text parameters $1, $2 …; nullopt is null.
  Rows query(std::string_view sql, std::span<const std::optional<std::string>> parameters = {});
  Rows query(std::string_view sql, std::initializer_list<std::optional<std::string>> parameters);
  // The single value of a query; Errc::corrupt if it has not exactly one row. Null is empty.
  [[nodiscard]] std::string value(std::string_view sql);
  // Like run(), but a refusal of the server's is an answer: its SQLSTATE, and its message in
  // `message`. Empty if all went well. Errors of the connection are thrown.
  [[nodiscard]] std::string attempt(std::string_view sql, std::string* message = nullptr);
  // Both: the rows, or nothing and the refusal's SQLSTATE.
  [[nodiscard]] std::optional<Rows> attempt_query(std::string_view sql, std::string& state,
                                                  std::string* message = nullptr);
  // How many rows the last statement of run() touched, as the server counts them.
  [[nodiscard]] std::uint64_t touched() const noexcept;
  // How many rows the last statement changed; nothing of one whose rows the server does not count.
  [[nodiscard]] std::optional<std::uint64_t> changed() const noexcept;

  // COPY … TO STDOUT: `piece` gets what the server sends, one row of the text format (with its
  // line end) at a time. An error of `piece` ends the statement and is thrown. Returns the rows.
  // What a wide row takes stays with the connection: with `turn`, it waits for its turn to take
  // one in, and the connection is to go before that does.
  std::uint64_t copy_out(std::string_view sql, const std::function<void(ByteView)>& piece,
                         WideRowTurn* turn = nullptr);

  // COPY … FROM STDIN: begin, any number of writes of any size, end. Without end (or after an
  // error) the statement is failed and nothing of it stays. Nothing else may be asked meanwhile.
  class CopyIn {
   public:
    CopyIn(Connection& connection, std::string_view sql);
    ~CopyIn();
    CopyIn(const CopyIn&) = delete;
    CopyIn& operator=(const CopyIn&) = delete;
    void write(ByteView bytes);
    std::uint64_t end();  // rows that were copied

   private:
    Connection& connection_;
    bool open_ = true;
  };

  // Whether the session answers and is in a transaction that has not failed. Never throws.
  [[nodiscard]] bool in_transaction() noexcept;
  // Rolls back whatever is open; no error if there is nothing, or no connection. Never throws.
  void rollback() noexcept;

 private:
  friend class CopyIn;
  struct State;
  std::unique_ptr<State> state_;
};

// Settings of a session that are the same for reading, loading and psql scripts, as `SET` lines;
// `encoding` is the client's.
[[nodiscard]] std::string exact_settings(std::string_view encoding);

// "15.18" of 150018.
[[nodiscard]] std::string version_text(int version);
// Of libpq: "15.18".
[[nodiscard]] std::string library_version();

}  // namespace holdfast::engine::postgresql

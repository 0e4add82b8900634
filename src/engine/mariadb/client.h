// SPDX-License-Identifier: Apache-2.0
// The only door to the client library: a connection, its results, streams into the server, errors
// turned, stops heard.
//
// It knows statements and rows, nothing of backups.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/stream.h"
#include "engine/mariadb/failure.h"
#include "engine/mariadb/location.h"

namespace holdfast::engine::mariadb {

// How long a server waits for a session of ours that is idle, or that takes or sends nothing, as
// while files are copied or other databases loaded: 24 days, the most that one on Windows knows.
constexpr std::chrono::seconds session_patience{2'147'483};

// What makes a session like ours: UTC, no mode that changes values, no limit that ends it while it
// keeps a snapshot. Pure.
[[nodiscard]] std::string session_statement(bool is_mariadb, unsigned version_number);

// 101119 for "10.11.19-MariaDB", also as servers that replicate say it.
[[nodiscard]] unsigned parse_version(std::string_view text);

// A text, or null.
using Cell = std::optional<std::string>;

class Connection;

// The rows of one statement, read as they come. Connection must outlive it and do nothing else
// until it is gone or at its end; given up before its end, it breaks the connection off. A wide row
// waits for its turn (WideRowTurn), and its memory is free with the next.
class Rows {
 public:
  Rows(Rows&&) noexcept;
  Rows& operator=(Rows&&) = delete;
  ~Rows();
  // The next row; false after the last.
  [[nodiscard]] bool next();
  [[nodiscard]] unsigned columns() const noexcept { return columns_; }
  // A field of the current row; valid until next(). `data()` is nullptr for null.
  [[nodiscard]] std::string_view field(unsigned column) const noexcept;
  [[nodiscard]] bool is_null(unsigned column) const noexcept;
  [[nodiscard]] std::string name(unsigned column) const;  // of a column

 private:
  friend class Connection;
  struct State;
  Rows(Connection& connection, std::unique_ptr<State> state, unsigned columns);
  Connection* connection_;
  std::unique_ptr<State> state_;
  unsigned columns_;
};

// One session, in UTC, with an empty SQL mode but for what keeps values as they are, its texts in
// UTF-8, columns' bytes as they are stored. Over the network keepalives (60 s, then 6 probes 10 s
// apart) let no firewall forget it while it is idle. Not for two threads at once.
class Connection {
 public:
  // `in_schema`: makes the location's schema the default one. Errc::unavailable, denied, not_found.
  Connection(const Location& location, const Secret* password, bool in_schema,
             std::stop_token stop = {});
  ~Connection();
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Another session like this one, without its stop token.
  [[nodiscard]] Connection again() const;
  // From now on a stop request breaks the connection off: Errc::cancelled. What the server still
  // does for us is then killed when the object goes.
  void stop_with(std::stop_token stop);
  void check_stop() const;  // Errc::cancelled
  [[nodiscard]] const std::stop_token& stop() const noexcept;

  // What a failing statement is called where nothing better is known from its number.
  void run(std::string_view sql, Errc otherwise = Errc::io);
  // The same; how many rows it changed.
  std::uint64_t change(std::string_view sql);
  // Of the last statement.
  [[nodiscard]] std::uint64_t warnings() const noexcept;
  // The same, with the failure as a value; what breaks the connection is an Error all the same.
  [[nodiscard]] std::optional<Failure> try_run(std::string_view sql);
  // Ended at `deadline` by KILL QUERY from `killer`, which must be of the same account, or by the
  // end of the connection if that fails or is not answered within 2 s, which ends `killer` too; the
  // server itself ends what waits for a lock up to a second later, so that nothing waits for us
  // after we are gone. Lock time-outs are `late` too.
  enum class Ended : std::uint8_t { done, late, denied };
  [[nodiscard]] Ended run_until(std::string_view sql,
                                std::chrono::steady_clock::time_point deadline, Connection& killer);
  [[nodiscard]] std::vector<std::vector<Cell>> query(std::string_view sql,
                                                     Errc otherwise = Errc::io);
  // The same, by the names of the columns.
  [[nodiscard]] std::vector<std::map<std::string, Cell>> query_named(std::string_view sql);
  // The first field of the first row; empty if there is none.
  [[nodiscard]] std::string value(std::string_view sql);
  [[nodiscard]] std::uint64_t number(std::string_view sql);
  [[nodiscard]] Rows stream(std::string_view sql, Errc otherwise = Errc::io);
  // LOAD DATA LOCAL: the server's request for a file, whichever it names, is answered with the
  // source. Otherwise no file is ever sent. The failure, as of try_run(), if it was refused.
  struct Loaded {
    std::uint64_t rows = 0;
    std::uint64_t skipped = 0;
    std::uint64_t warnings = 0;
  };
  [[nodiscard]] std::optional<Failure> load_local(std::string_view sql, ByteSource& source,
                                                  Loaded& loaded);

  void use(std::string_view schema);

  [[nodiscard]] std::uint64_t id() const noexcept;
  [[nodiscard]] const std::string& version() const noexcept;
  [[nodiscard]] bool is_mariadb() const noexcept;
  // 101119 for 10.11.19.
  [[nodiscard]] unsigned version_number() const noexcept;
  // As it was given, but for use().
  [[nodiscard]] const Location& location() const noexcept;
  // Asks the server; why there is no answer, if there is none.
  [[nodiscard]] std::optional<Failure> ping();

  // Throws what a failure means.
  [[noreturn]] void raise(const Failure& failure, Errc otherwise = Errc::io) const;

 private:
  friend class Rows;
  struct State;
  void refuse_proxy();
  std::unique_ptr<State> state_;
};

// The version of the client library.
[[nodiscard]] std::string client_version();

}  // namespace holdfast::engine::mariadb

// SPDX-License-Identifier: Apache-2.0
// A session of a database through the program sqlplus, kept open as a child: statements on its
// standard input, what it answers read back value by value, whatever bytes are in them.
//
// Sources: SQL*Plus User's Guide and Reference 9.0 to 19 (-S, -L, /nolog, CONNECT, WHENEVER, SET,
// SP2 messages; SQL.SQLCODE is cut to a byte as exit code; WHENEVER SQLERROR does not see SP2).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/oracle/programs.h"

namespace holdfast::engine::oracle {

// One thread at a time. Whatever is waited for ends soon after a stop request with Errc::cancelled.
// After an Error from here the session is of no more use.
class Session {
 public:
  using Fields = std::vector<std::string>;  // null is the empty text, as in Oracle
  using Take = std::function<void(const Fields&)>;

  // Connects. Errc::not_found without the program, denied, unavailable, failed_child.
  explicit Session(const Access& access, std::stop_token stop = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // SELECT of these expressions, which are text or become it, and of `rest` ("FROM dual"). A row
  // has no more than 4000 bytes.
  void each(std::span<const std::string_view> columns, std::string_view rest, const Take& take);
  [[nodiscard]] std::vector<Fields> rows(std::initializer_list<std::string_view> columns,
                                         std::string_view rest);
  // The same, but nothing if the server does not let us or does not know what is asked for:
  // ORA-00942, 01031, 00904, 02003, 06550 and the like.
  [[nodiscard]] std::optional<std::vector<Fields>> try_rows(
      std::initializer_list<std::string_view> columns, std::string_view rest);
  // Of the only row; empty if there is none.
  [[nodiscard]] std::string value(std::string_view column, std::string_view rest = "FROM dual");

  // A statement without its semicolon.
  void run(std::string_view statement);
  // False where the server refuses it, with what it said. Errc::unavailable where the session was
  // lost, which is no refusal.
  [[nodiscard]] bool try_run(std::string_view statement, std::string& said);
  // An anonymous block, "DECLARE … BEGIN … END;". Lines that it gives to put(framed) are rows of
  // one field; see framed_line().
  void block(std::string_view text, const Take& take = {});

  // The same; false and Errc::unavailable as of try_run().
  [[nodiscard]] bool try_block(std::string_view text, const Take& take, std::string& said);

  // From now on whatever is asked is answered within so long: Errc::unavailable.
  void limit(std::chrono::seconds patience);

  // What was said on connecting though it succeeded: "ORA-28002: the password will expire …".
  [[nodiscard]] const std::string& notice() const noexcept;

 private:
  struct State;
  bool try_asking(std::string_view text, const Take& take, std::string& said);

  std::unique_ptr<State> state_;
};

// 'it''s', in pieces on several lines where it is long: sqlplus takes no line above 2499 bytes.
[[nodiscard]] std::string literal(std::string_view text);
// "NAME" in quotes, for names of the dictionary. Errc::unsupported for what can be none.
[[nodiscard]] std::string identifier(std::string_view name);
// An expression that gives a text without `|`, line ends and single backslashes, as rows have it.
[[nodiscard]] std::string framed(std::string_view expression);
// PL/SQL that prints the text expression as a row of one field; it has no `|`, `\` nor line end.
[[nodiscard]] std::string put_line(std::string_view expression);

}  // namespace holdfast::engine::oracle

// SPDX-License-Identifier: Apache-2.0
// What a session is made of, for session.cc, which connects and runs, and rows.cc, which fetches.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/secret.h"
#include "engine/sqlserver/connection_text.h"
#include "engine/sqlserver/odbc.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

constexpr std::size_t name_units_max = 256;  // of columns, drivers

struct Session::State {
  // While one lives, a stop request cancels; what is left of the statement goes with it.
  class Work {
   public:
    explicit Work(State& s) : s_(s) { s_.at_work = true; }
    ~Work();
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    State& s_;
  };

  Location location;
  Secret password;
  bool in_database = false;
  Driver driver;
  std::string driver_name;
  Handle environment, connection, statement;  // freed from the last on
  bool is_connected = false;
  unsigned process_id = 0;
  std::stop_token stop;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  std::atomic<bool> at_work = false;  // with a statement that has not ended
  std::atomic<bool> in_call = false;  // of the driver, which may wait for the server
  std::jthread canceller;

  ~State() {
    on_stop.reset();
    if (canceller.joinable()) canceller.join();
    statement.reset();
    if (is_connected) ::SQLDisconnect(connection.get());
  }

  void connect();
  // The connection string, account and password at its end.
  [[nodiscard]] std::u16string words(bool doubles_braces) const;
  [[nodiscard]] bool doubles_braces() const;
  [[nodiscard]] SQLRETURN connect_by(std::u16string& words, SQLHANDLE to) const;
  void cancel();
  void kill() const;
  void check_stop() const {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: interrupted", location.display()));
  }
  // What the last call says besides its result: errors are added, all else is told.
  void listen(SQLRETURN code, std::vector<Message>& errors, const Hear& hear);
  // Throws for what ends the connection, and after a stop request.
  void check(const Session& owner, std::span<const Message> errors) const;
  [[nodiscard]] SQLRETURN send(std::string_view sql);
};

// While one lives, a thread is in the driver, which may wait for the server.
class Call {
 public:
  explicit Call(std::atomic<bool>& in_call) : in_call_(in_call) { in_call_ = true; }
  ~Call() { in_call_ = false; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  std::atomic<bool>& in_call_;
};

}  // namespace holdfast::engine::sqlserver

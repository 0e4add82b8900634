// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/sessions.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/error.h"
#include "engine/postgresql/quote.h"

namespace holdfast::engine::postgresql {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto leave_wait = 15s;
constexpr auto poll_pause = 20ms;

// Sessions in the database $1 that somebody has opened. Only those have a user for everybody to
// see; of those that work for others, as parallel workers, the others are ended.
constexpr std::string_view others =
    " FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
    " WHERE a.datname = $1 AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL"
    " AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'parallel worker')";

std::string described(const Rows& rows, std::size_t row) {
  return fmt::format(
      "a session of user {} ({})", rows.text(row, 1),
      rows.view(row, 2).empty() ? "process " + rows.text(row, 0) : rows.text(row, 2));
}

// Asks all to go, one by one. How many there are, and what one of them is.
std::pair<std::size_t, std::string> ask_to_go(Connection& admin, const std::string& database) {
  const Rows left =
      admin.query("SELECT a.pid, a.usename, a.application_name" + std::string(others), {database});
  std::string one;
  for (std::size_t i = 0; i < left.size(); ++i) {
    one = described(left, i);
    std::string message;
    const std::string state = admin.attempt(
        fmt::format("SELECT pg_catalog.pg_terminate_backend({})", left.integer(i, 0)), &message);
    if (state.empty()) continue;
    throw Error(state == "42501" ? Errc::denied : Errc::unavailable,
                fmt::format("{} in database {} could not be ended: {}", one, database, message))
        .set_hint(
            "End it, or GRANT pg_signal_backend to the role that restores; sessions of "
            "superusers are ended by superusers only.");
  }
  return {left.size(), one};
}

// Goes on ending sessions while others would come again and again.
class Doorkeeper {
 public:
  Doorkeeper(const Location& into, std::span<const DatabaseRename> renames)
      : admin_(into), thread_([this, renames](const std::stop_token& stop) {
          try {
            std::unique_lock lock(mutex_);
            while (!stop.stop_requested()) {
              for (const DatabaseRename& one : renames)
                static_cast<void>(ask_to_go(admin_, one.from));
              wake_.wait_for(lock, stop, poll_pause, [] { return false; });
            }
          } catch (const std::exception&) {
            failure_ = std::current_exception();
          }
        }) {}
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;

  // Ends its work; throws what stopped it.
  void leave() {
    thread_.request_stop();
    thread_.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  Connection admin_;
  std::mutex mutex_;  // of wake_ alone
  std::condition_variable_any wake_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace

void end_sessions(Connection& admin, const std::string& database) {
  const auto deadline = SteadyClock::now() + leave_wait;
  while (true) {
    const auto [left, one] = ask_to_go(admin, database);
    if (left == 0) return;
    if (SteadyClock::now() > deadline) {
      throw Error(Errc::unavailable,
                  fmt::format("database {} still has {} sessions, {}", database, left, one))
          .set_hint("Stop the application, then try again.");
    }
    std::this_thread::sleep_for(poll_pause);
  }
}

void rename_databases(Connection& admin, const Location& into,
                      std::span<const DatabaseRename> renames) {
  for (const DatabaseRename& one : renames) static_cast<void>(ask_to_go(admin, one.from));
  std::string sql = "BEGIN;";
  for (const DatabaseRename& one : renames)
    sql += fmt::format("ALTER DATABASE {} RENAME TO {};", quote_name(one.from), quote_name(one.to));
  sql += "COMMIT";
  Doorkeeper doorkeeper(admin.location(), renames);
  const auto deadline = SteadyClock::now() + leave_wait;
  while (true) {
    std::string message;
    // Waits up to five seconds for those who are in it, while newcomers wait for its lock.
    const std::string state = admin.attempt(sql, &message);
    if (state.empty()) break;
    admin.rollback();
    if (state != "55006" || SteadyClock::now() > deadline) {
      doorkeeper.leave();
      throw Error(state == "55006" ? Errc::unavailable : Errc::io,
                  fmt::format("{} could not be renamed: {}", into.display(), message))
          .set_hint("Stop the application, then try again.");
    }
  }
  try {
    doorkeeper.leave();
  } catch (const Error&) {  // it came too late
  }
}

std::vector<std::string> sessions_beyond_us(Connection& admin, const std::string& database) {
  const Rows rows = admin.query(
      "SELECT a.pid, a.usename, a.application_name" + std::string(others) +
          " AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles me WHERE me.rolname = current_user AND"
          "  (me.rolsuper OR (NOT coalesce(r.rolsuper, true) AND"
          "   (pg_catalog.pg_has_role(a.usesysid, 'USAGE') OR"
          "    pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')))))"
          " ORDER BY 2, 3, 1",
      {database});
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows.size(); ++i) lines.push_back(described(rows, i));
  return lines;
}

}  // namespace holdfast::engine::postgresql

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/table_fence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "base/error.h"

namespace holdfast::engine::mariadb {
namespace {

using namespace std::chrono_literals;

constexpr auto pause = 1ms;
constexpr std::chrono::seconds shortest_silence{2};
constexpr unsigned nowait_since = 100'300;  // of MariaDB

}  // namespace

Error fence_was_ended(const Error& why) {
  return Error(Errc::not_consistent,
               why.message() + "; the server let writers go on before the moment was fixed")
      .set_hint("Raise limits.fence_ms if the machine is busy; see the server's log.");
}

// Source: mariadb.com/kb/en/lock-tables, mariadb.com/kb/en/wait-and-nowait. A read lock is refused
// while a transaction that has written to the table is open. With autocommit on, InnoDB's own locks
// take no part, in which a deadlock could end a transaction of the application's.
void TableFence::add(const Location& location, const Secret* password,
                     const std::vector<std::string>& tables,
                     std::chrono::milliseconds silence_max) {
  if (tables.empty()) return;
  std::string statement;
  for (const std::string& table : tables)
    statement += (statement.empty() ? "LOCK TABLES " : ", ") + table + " READ";
  statement += " NOWAIT";
  Connection session(location, password, false);
  silence_max_ = std::max(std::chrono::ceil<std::chrono::seconds>(silence_max), shortest_silence);
  shares_.push_back({std::move(session), std::move(statement)});
}

bool TableFence::is_known_to_server() const noexcept {
  return std::all_of(shares_.begin(), shares_.end(), [](const Share& share) {
    return share.session.is_mariadb() && share.session.version_number() >= nowait_since;
  });
}

bool TableFence::take(std::chrono::steady_clock::time_point deadline, const std::stop_token& stop) {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  try {
    for (Share& share : shares_) share.session.stop_with(stop);
    // Not before: until now there was nothing to let go of.
    wait_for_us(silence_max_);
    bool taken = try_all();
    while (!taken && now() < deadline) {
      std::this_thread::sleep_for(pause);
      taken = try_all();
    }
    // Locking very many tables takes its time.
    if (taken && now() >= deadline) static_cast<void>(unlock());
    if (!held_) wait_for_us(session_patience);
    for (Share& share : shares_) share.session.stop_with({});
    return held_;
  } catch (const Error&) {
    static_cast<void>(unlock());
    throw;
  }
}

void TableFence::wait_for_us(std::chrono::seconds idle) {
  for (Share& share : shares_) share.session.run(fmt::format("SET wait_timeout={}", idle.count()));
}

bool TableFence::try_all() {
  held_ = true;
  for (Share& share : shares_) {
    share.session.check_stop();
    const auto failure = share.session.try_run(share.statement);
    if (!failure) continue;
    static_cast<void>(unlock());
    // A table that has just gone is another try's, whose definitions are compared later.
    if (failure->number == error_lock_wait_timeout || failure->number == error_no_such_table)
      return false;
    share.session.raise(*failure);
  }
  return true;
}

void TableFence::let_go() {
  if (held_) {
    if (const auto gone = unlock()) throw fence_was_ended(*gone);
  }
  wait_for_us(session_patience);
}

// Why the first session that was not there any longer, and its locks with it, had gone.
std::optional<Error> TableFence::unlock() noexcept {
  held_ = false;
  std::optional<Error> gone;
  for (Share& share : shares_) {
    try {
      share.session.run("UNLOCK TABLES");
    } catch (const Error& error) {
      if (!gone) gone = error;
    }
  }
  return gone;
}

}  // namespace holdfast::engine::mariadb

// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/table_locks.h"

#include <fmt/format.h>

#include "base/error.h"

namespace holdfast::engine::mariadb {

void TableLocks::add(AccountSessions& account, const std::vector<std::string>& tables) {
  if (tables.empty()) return;
  locks_.push_back({&account, Connection(account.location, account.password.get(), false),
                    fmt::format("{} READ", fmt::join(tables, " READ, "))});
  tables_.insert(tables_.end(), tables.begin(), tables.end());
}

void TableLocks::take(std::chrono::steady_clock::time_point deadline,
                      std::chrono::milliseconds stall_max, const std::string& server) {
  if (tables_.empty()) return;
  const auto silence_max = std::chrono::ceil<std::chrono::seconds>(stall_max);
  for (Lock& lock : locks_) {
    // The server lets go by itself should it not hear of us.
    lock.session.run(fmt::format("SET wait_timeout={}", silence_max.count() + 1));
    const auto ended =
        lock.session.run_until("LOCK TABLES " + lock.list, deadline, *lock.account->catalog);
    if (ended == Connection::Ended::done) continue;
    const bool is_denied = ended == Connection::Ended::denied;
    throw Error(is_denied ? Errc::denied : Errc::unavailable,
                fmt::format("{}: {} cannot be locked{}", server, tables_[0],
                            is_denied ? " by our account" : " in time"))
        .set_hint(is_denied ? "`holdfast grants backup -I FILE` prints what the user needs."
                            : "Raise limits.fence_ms, or convert the table to InnoDB.");
  }
  parts_left_ = tables_.size();
  watch_ = std::jthread([this, stall_max](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto until = std::chrono::steady_clock::now() + stall_max;
    changed_.wait_until(lock, stop, until, [&] { return parts_left_ == 0; });
    if (parts_left_ > 0 && !stop.stop_requested()) ran_out_ = true;
    for (Lock& one : locks_) {
      if (!lost_) lost_ = one.session.ping();
    }
    locks_.clear();
  });
}

void TableLocks::part_copied() {
  const std::lock_guard guard(mutex_);
  if (parts_left_ > 0 && --parts_left_ == 0) changed_.notify_all();
}

void TableLocks::let_go() noexcept {
  watch_ = std::jthread();
  locks_.clear();
}

}  // namespace holdfast::engine::mariadb

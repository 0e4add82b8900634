// SPDX-License-Identifier: Apache-2.0
// Tables that know no snapshots, kept still from the moment until all of them are copied, but no
// longer than writers may be kept waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/mariadb/sessions.h"

namespace holdfast::engine::mariadb {

class TableLocks {
 public:
  TableLocks() = default;
  ~TableLocks() { let_go(); }
  TableLocks(const TableLocks&) = delete;
  TableLocks& operator=(const TableLocks&) = delete;

  // Tables of one account, which outlives the locks; quoted, with their schemas.
  void add(AccountSessions& account, const std::vector<std::string>& tables);
  // All that were added, whether they are locked or not.
  [[nodiscard]] const std::vector<std::string>& tables() const noexcept { return tables_; }
  // For who wants to know which server they reach.
  template <typename Body>
  void each_session(Body body) {
    for (Lock& lock : locks_) body(lock.session);
  }

  // Waits for them until `deadline`; `server` is for messages. From then on they are let go once
  // part_copied() was called for each, and after `stall_max` at the latest. Errc::unavailable,
  // denied.
  void take(std::chrono::steady_clock::time_point deadline, std::chrono::milliseconds stall_max,
            const std::string& server);
  void part_copied();
  void let_go() noexcept;

  // Whether they were let go before all were copied: by us, as it took too long,
  [[nodiscard]] bool ran_out() const noexcept { return ran_out_; }
  // or because a session had gone, with the server's words. After let_go().
  [[nodiscard]] const std::optional<Failure>& lost() const noexcept { return lost_; }

 private:
  struct Lock {
    AccountSessions* account;
    Connection session;
    std::string list;  // "`a`.`b` READ, …"
  };
  std::vector<std::string> tables_;
  std::vector<Lock> locks_;
  std::mutex mutex_;  // guards the next two
  std::size_t parts_left_ = 0;
  std::optional<Failure> lost_;
  std::atomic<bool> ran_out_{false};
  std::condition_variable_any changed_;
  std::jthread watch_;  // last: it uses the others
};

}  // namespace holdfast::engine::mariadb

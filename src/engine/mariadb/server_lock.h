// SPDX-License-Identifier: Apache-2.0
// Keeping every session of a server from committing, for a moment.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

class ServerLock {
 public:
  using Ended = Connection::Ended;

  // `has_others`: there are tables without transactions, whose writers must be stopped too.
  // `fence_max`: for how long it is to be held. The server lets go by itself soon after three times
  // that, should it not hear of us.
  ServerLock(const Location& location, const Secret* password, bool has_others,
             std::chrono::milliseconds fence_max);
  // Lets go.
  ~ServerLock();
  ServerLock(const ServerLock&) = delete;
  ServerLock& operator=(const ServerLock&) = delete;

  // With nothing held `late` if it was not had until `deadline`, `denied` without the RELOAD
  // privilege. A stop request ends the waiting with Errc::cancelled.
  [[nodiscard]] Ended take(std::chrono::steady_clock::time_point deadline,
                           const std::stop_token& stop);
  // Errc::not_consistent if the server had let go before. No error if nothing is held.
  void let_go();
  [[nodiscard]] bool is_held() const noexcept { return held_; }
  [[nodiscard]] Connection& connection() noexcept { return connection_; }

 private:
  [[nodiscard]] Ended take(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] Ended take_read_lock(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] bool is_in_the_way();
  void wait_for_us(std::chrono::seconds idle);
  enum class Method : std::uint8_t { backup_stage, read_lock };
  void unlock();
  void unlock_instance();

  Connection connection_, killer_;
  const Method method_;
  const std::chrono::milliseconds fence_max_;
  const bool sees_others_;  // their statements, where the lock would wait for those
  // A read lock that was given up may have left tables closed to everybody. Who does not see why
  // does not ask again.
  bool given_up_ = false;
  bool held_ = false;
  bool instance_locked_ = false;
};

}  // namespace holdfast::engine::mariadb

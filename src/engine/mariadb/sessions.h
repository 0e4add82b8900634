// SPDX-License-Identifier: Apache-2.0
// The sessions of one account that share a snapshot, handed out one thread each, and one beside
// them that has none.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

class Sessions {
 public:
  void add(Connection connection) { free_.push_back(std::move(connection)); }

  class Lease {
   public:
    Lease(Sessions& sessions, Connection connection)
        : sessions_(sessions), connection_(std::move(connection)) {}
    ~Lease() { sessions_.give_back(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] Connection& operator*() noexcept { return connection_; }

   private:
    Sessions& sessions_;
    Connection connection_;
  };

  // Waits for one; Errc::cancelled after a stop request, which it hears from then on.
  [[nodiscard]] Lease take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool had = returned_.wait(lock, stop, [&] { return !free_.empty(); });
    if (!had) throw Error(Errc::cancelled, "interrupted");
    Connection connection = std::move(free_.back());
    free_.pop_back();
    lock.unlock();
    connection.stop_with(stop);
    return {*this, std::move(connection)};
  }

  // All, while none is handed out.
  [[nodiscard]] std::vector<Connection>& all() noexcept { return free_; }

 private:
  void give_back(Connection connection) {
    connection.stop_with({});
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(connection));
    returned_.notify_one();
  }

  std::mutex mutex_;  // guards free_
  std::condition_variable_any returned_;
  std::vector<Connection> free_;
};

// One account: what belongs to it another may not see.
struct AccountSessions {
  Location location;
  std::shared_ptr<const Secret> password;
  Sessions in_snapshot;
  // Outside of the snapshot: definitions and sequences have none.
  std::mutex catalog_mutex;  // guards catalog
  std::optional<Connection> catalog;
};

}  // namespace holdfast::engine::mariadb

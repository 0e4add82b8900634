// SPDX-License-Identifier: Apache-2.0
// Keeping writers from the tables of an instance, for a moment.
//
// Unlike the server's own lock it is had only while no transaction is open that has written to one
// of them, so that what an application commits on several servers in turn is on all of them or on
// none. It never queues: whoever waits for a lock while he holds another can make the server end a
// transaction of the application's.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/mariadb/client.h"

namespace holdfast::engine::mariadb {

// What is said of a fence, of tables or of the whole server, whose session the server has ended.
// `why`: what its statement failed with. Errc::not_consistent.
[[nodiscard]] Error fence_was_ended(const Error& why);

class TableFence {
 public:
  // A session of one account, which keeps these tables still; quoted, with their schemas.
  // `silence_max`: the server ends the fence by itself when we have been silent for longer.
  void add(const Location& location, const Secret* password, const std::vector<std::string>& tables,
           std::chrono::milliseconds silence_max);

  // Whether the server can be asked without queueing.
  [[nodiscard]] bool is_known_to_server() const noexcept;
  // False, with nothing held, if it was not had until `deadline`. Errc::denied without the
  // privilege LOCK TABLES; Errc::cancelled after a stop request.
  [[nodiscard]] bool take(std::chrono::steady_clock::time_point deadline,
                          const std::stop_token& stop);
  // Errc::not_consistent if the server had let go before. No error if nothing is held.
  void let_go();
  // For who wants to know which server they reach.
  template <typename Body>
  void each_session(Body body) {
    for (Share& share : shares_) body(share.session);
  }
  [[nodiscard]] bool is_held() const noexcept { return held_; }

 private:
  struct Share {
    Connection session;
    std::string statement;
  };
  [[nodiscard]] bool try_all();
  void wait_for_us(std::chrono::seconds idle);
  std::optional<Error> unlock() noexcept;

  std::vector<Share> shares_;
  std::chrono::seconds silence_max_{0};
  bool held_ = false;
};

}  // namespace holdfast::engine::mariadb

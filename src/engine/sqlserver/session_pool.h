// SPDX-License-Identifier: Apache-2.0
// Sessions that read the same moment, handed out one thread each, made when they are needed.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

class SessionPool {
 public:
  // `first` is one of them; at most so many, the others in the location's database.
  SessionPool(Location location, std::shared_ptr<const Secret> password,
              std::unique_ptr<Session> first, unsigned sessions_max)
      : location_(std::move(location)),
        password_(std::move(password)),
        left_to_make_(sessions_max > 0 ? sessions_max - 1 : 0) {
    free_.push_back(std::move(first));
  }

  class Lease {
   public:
    Lease(SessionPool& pool, std::unique_ptr<Session> session)
        : pool_(pool), session_(std::move(session)) {}
    ~Lease() { pool_.give_back(std::move(session_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] Session& operator*() noexcept { return *session_; }
    [[nodiscard]] Session* operator->() noexcept { return session_.get(); }

   private:
    SessionPool& pool_;
    std::unique_ptr<Session> session_;
  };

  // Waits for one; Errc::cancelled after a stop request, which the session hears from then on.
  [[nodiscard]] Lease take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    if (free_.empty() && left_to_make_ > 0) {
      --left_to_make_;
      lock.unlock();
      return {*this, std::make_unique<Session>(location_, password_.get(), true, stop)};
    }
    const bool had = returned_.wait(lock, stop, [&] { return !free_.empty(); });
    if (!had) throw Error(Errc::cancelled, "interrupted");
    std::unique_ptr<Session> session = std::move(free_.back());
    free_.pop_back();
    lock.unlock();
    session->stop_with(stop);
    return {*this, std::move(session)};
  }

 private:
  void give_back(std::unique_ptr<Session> session) {
    session->stop_with({});
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(session));
    returned_.notify_one();
  }

  const Location location_;
  const std::shared_ptr<const Secret> password_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any returned_;
  std::vector<std::unique_ptr<Session>> free_;
  unsigned left_to_make_;
};

}  // namespace holdfast::engine::sqlserver

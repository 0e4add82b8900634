// SPDX-License-Identifier: Apache-2.0
// Threads that belong together: they end together, and the first error wins.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast {

class Crew {
 public:
  // `on_failure` runs at most once, on the failing thread, right after the stop request: the place
  // to abandon() the channels the others wait on. It must not throw. It runs in the destructor too
  // if threads were not joined, because their owner is then unwinding from an error of his own; so
  // what it touches is declared before the crew.
  explicit Crew(std::function<void()> on_failure = {}) : on_failure_(std::move(on_failure)) {}
  ~Crew();  // requests a stop and joins; an error not fetched by join() is lost
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Starts a thread. An exception that leaves `work` stops the whole crew. start() and join() are
  // called by the crew's owner only.
  void start(std::function<void(std::stop_token)> work);

  // Reports a failure from outside the crew's own threads.
  void fail(std::exception_ptr error) noexcept;

  // Waits for all threads and throws the first error, if there was one.
  void join();

  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  void request_stop() noexcept { stop_.request_stop(); }

 private:
  void give_up(std::exception_ptr error) noexcept;

  std::function<void()> on_failure_;
  std::stop_source stop_;
  std::mutex mutex_;  // guards the next two
  std::exception_ptr first_error_;
  bool has_given_up_ = false;
  std::vector<std::jthread> threads_;
};

// Cores this process may use (its affinity mask), at least 1.
[[nodiscard]] unsigned cores_available() noexcept;

}  // namespace holdfast

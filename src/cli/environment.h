// SPDX-License-Identifier: Apache-2.0
// Everything the program takes from outside: variables, streams, terminal, signals, and what jobs
// are given. Made once by main.cc; tests make their own and run verbs in their process.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/stream.h"
#include "cli/output.h"
#include "cli/variables.h"
#include "job/environment.h"

namespace holdfast::cli {

// Who is asked when the user wants to know how far the run is (SIGUSR1). Safe from all threads.
class StatusRequests {
 public:
  void set(std::function<void()> answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void fire() {
    const std::lock_guard lock(mutex_);
    if (answer_) answer_();
  }

 private:
  std::mutex mutex_;  // guards answer_, and holds set() back until an answer in progress is given
  std::function<void()> answer_;
};

struct Environment {
  Variables variables;
  TextStream* output = nullptr;
  TextStream* errors = nullptr;
  ByteSource* input =
      nullptr;  // standard input; its waiting ends with Errc::cancelled on a stop request
  bool input_is_terminal = false;
  bool output_is_terminal = false;
  std::function<unsigned()> columns;  // width of the terminal now; 0: unknown
  // Asks on the terminal without echo; empty if there is no terminal.
  std::function<Secret(std::string_view question, std::stop_token stop)> ask_secret;

  job::Environment job;
  std::stop_source stop;  // requested by a signal, or when the repository lock is lost
  std::atomic<bool> interrupted{false};  // by a signal
  StatusRequests status_requests;

  // In-process tests only: what new keys cost, instead of calibrating. Nothing sets it in
  // production.
  std::optional<format::ScryptCost> key_cost;
};

}  // namespace holdfast::cli

// SPDX-License-Identifier: Apache-2.0
// Runs [hooks] and [quiesce] commands.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "job/journal.h"
#include "model/instance.h"
#include "model/progress.h"

namespace holdfast::job {

// Runs each argv in order; Errc::failed_child naming hook, command, exit code and the end of its
// error output, at the first that fails. Children get HOLDFAST_INSTANCE, HOLDFAST_HOOK and no
// secret.
void run_hooks(const std::vector<std::vector<std::string>>& hooks, std::string_view hook_name,
               const model::Instance& instance, model::Observer& observer, std::stop_token stop);

// Waits until no process of that run carries HOLDFAST_HOOK=stop any more: a stop command that
// outlived its job would otherwise stop what has just been started. At most `patience`.
void wait_for_stop_commands(std::string_view run_id, std::chrono::milliseconds patience);

// Starts the application. What the command leaves running keeps no pipe of ours, which would end
// with us and kill it at its next word: standard output and error are /dev/null.
// Errc::failed_child.
void run_start_command(const std::vector<std::string>& argv, std::string_view instance,
                       std::chrono::milliseconds timeout);

// The application, stopped. Announced in the journal before the stop command runs; start() runs the
// start command and settles. The destructor starts it too; if that fails, it is logged and left to
// the guardian.
class Quiesced {
 public:
  // Stopped is it when the command has returned and nobody has any of the `locks`, as
  // application_locks.h says which: some commands only ask it to end. Within quiesce.timeout, both;
  // if not, or if the command fails, the application is started again: Errc::failed_child, naming
  // who runs on.
  Quiesced(const model::Instance& instance, const std::vector<std::filesystem::path>& locks,
           Journal& journal, model::Observer& observer, std::stop_token stop);
  ~Quiesced();
  Quiesced(const Quiesced&) = delete;
  Quiesced& operator=(const Quiesced&) = delete;
  void start();
  [[nodiscard]] std::uint64_t stopped_ms() const noexcept { return stopped_ms_; }

 private:
  void stop_application(const std::vector<std::filesystem::path>& locks, std::stop_token stop);

  const model::Instance& instance_;
  Journal& journal_;
  model::Observer& observer_;
  std::uint64_t entry_ = 0;
  bool running_ = true;
  std::chrono::steady_clock::time_point stopped_at_{};
  std::uint64_t stopped_ms_ = 0;
};

}  // namespace holdfast::job

// SPDX-License-Identifier: Apache-2.0
#include "job/hooks.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "job/application_locks.h"

namespace holdfast::job {
namespace {

// Runs one command; its failure is Errc::failed_child, told with the end of what it printed to
// standard error.
void run_checked(Command command, std::string_view title, std::stop_token stop) {
  const ProcessResult result = run_process(command, {}, stop);
  if (!result.timed_out && result.exit_code == 0) return;
  std::string errors = result.errors.size() > 2000
                           ? result.errors.substr(result.errors.size() - 2000)
                           : result.errors;
  while (!errors.empty() && (errors.back() == '\n' || errors.back() == ' ')) errors.pop_back();
  throw Error(Errc::failed_child,
              std::string(title) + " failed: " + display(command.argv) +
                  (result.timed_out ? ": no end within the time allowed"
                                    : ": exit code " + std::to_string(result.exit_code)) +
                  (errors.empty() ? "" : ": " + errors));
}

// Whether /proc/<pid>/environ holds both settings.
bool carries(const std::filesystem::path& process, std::string_view first,
             std::string_view second) {
  auto file = try_open_file(process / "environ", O_RDONLY);
  if (!file) return false;
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while (text.size() < (1U << 20U) && (count = ::read(file->get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  const auto holds = [&](std::string_view setting) {
    std::string wanted(setting);
    wanted += '\0';
    return text.starts_with(wanted) ||
           text.find(std::string(1, '\0') + wanted) != std::string::npos;
  };
  return holds(first) && holds(second);
}

bool stop_command_runs(std::string_view run_id) {
  std::error_code failure;
  for (const auto& item : std::filesystem::directory_iterator("/proc", failure)) {
    const std::string name = item.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    try {
      if (carries(item.path(), "HOLDFAST_RUN=" + std::string(run_id), "HOLDFAST_HOOK=stop"))
        return true;
    } catch (const Error&) {
      continue;  // another user's process, or one that has just ended: none of ours
    }
  }
  return false;
}

}  // namespace

void run_hooks(const std::vector<std::vector<std::string>>& hooks, std::string_view hook_name,
               const model::Instance& instance, model::Observer& observer, std::stop_token stop) {
  for (const auto& argv : hooks) {
    Command command;
    command.argv = argv;
    command.environment = {{"HOLDFAST_INSTANCE", instance.name},
                           {"HOLDFAST_HOOK", std::string(hook_name)}};
    run_checked(command, "hook " + std::string(hook_name), stop);
    observer.note("hook " + std::string(hook_name) + ": " + display(argv));
  }
}

void wait_for_stop_commands(std::string_view run_id, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  // A process that is being started shows no environment for a moment, so it takes two looks to be
  // sure.
  for (unsigned clean = 0; clean < 2;) {
    clean = stop_command_runs(run_id) ? 0 : clean + 1;
    if (std::chrono::steady_clock::now() > deadline) {
      log(LogLevel::warn,
          "a stop command of an interrupted job still runs; starting the application all the same");
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void run_start_command(const std::vector<std::string>& argv, std::string_view instance,
                       std::chrono::milliseconds timeout) {
  Command command;
  command.argv = argv;
  command.environment = {{"HOLDFAST_INSTANCE", std::string(instance)}, {"HOLDFAST_HOOK", "start"}};
  const pid_t pid = spawn_detached(command, {});
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  int status = 0;
  for (pid_t ended = 0; (ended = ::waitpid(pid, &status, WNOHANG)) != pid;) {
    if (ended < 0 && errno != EINTR) throw system_error(errno, "waiting for " + display(argv));
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(Errc::failed_child,
                  "quiesce start: no end within the time allowed: " + display(argv))
          .set_hint("Look whether the application runs; if so, `start` must return once it does.");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw Error(Errc::failed_child,
              "quiesce start failed: " + display(argv) + ": " +
                  (WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                     : "ended by signal " + std::to_string(WTERMSIG(status))))
      .set_hint("Start the application by hand, then run `holdfast resume`.");
}

Quiesced::Quiesced(const model::Instance& instance, const std::vector<std::filesystem::path>& locks,
                   Journal& journal, model::Observer& observer, std::stop_token stop)
    : instance_(instance), journal_(journal), observer_(observer) {
  Json argv = Json::array();
  for (const std::string& word : instance.quiesce.start) argv.push(word);
  Json undo;
  undo.set("argv", std::move(argv))
      .set("timeout_ms", static_cast<std::int64_t>(instance.quiesce.timeout.count()));
  entry_ = journal_.announce("start", "stopped the application: " + display(instance.quiesce.stop),
                             undo);
  running_ = false;
  stopped_at_ = std::chrono::steady_clock::now();
  try {
    stop_application(locks, std::move(stop));
  } catch (const std::exception&) {
    start();
    throw;
  }
}

void Quiesced::stop_application(const std::vector<std::filesystem::path>& locks,
                                std::stop_token stop) {
  Command command;
  command.argv = instance_.quiesce.stop;
  command.timeout = instance_.quiesce.timeout;
  command.environment = {{"HOLDFAST_INSTANCE", instance_.name},
                         {"HOLDFAST_HOOK", "stop"},
                         {"HOLDFAST_RUN", journal_.run_id()}};
  observer_.phase("stopping the application");
  run_checked(command, "quiesce stop", stop);
  const auto deadline = stopped_at_ + instance_.quiesce.timeout;
  if (const std::optional<std::string> who = wait_until_free(locks, deadline, stop)) {
    throw Error(Errc::failed_child, "quiesce stop failed: " + display(command.argv) +
                                        ": the application runs on: " + *who)
        .set_hint("Let `stop` of [quiesce] end it, or raise `timeout`.");
  }
  observer_.note("application stopped: " + display(command.argv));
}

Quiesced::~Quiesced() {
  if (running_) return;
  try {
    start();
  } catch (const std::exception& error) {
    log_failure(error);
  }
}

void Quiesced::start() {
  if (running_) return;
  running_ = true;  // tried once here; if it fails, the journal entry stays for the guardian
  journal_.undo(entry_);
  stopped_ms_ = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now() - stopped_at_)
                                               .count());
  observer_.note("application started: " + display(instance_.quiesce.start));
}

}  // namespace holdfast::job

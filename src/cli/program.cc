// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <malloc.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "job/journal.h"

namespace holdfast::cli {

namespace {

std::string own_hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

std::string own_username() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return {};
  return found->pw_name;
}

int run_in_real_world(const std::vector<std::string>& words, FdTextStream& errors,
                      const ProgramOptions& options) {
  Environment environment;
  environment.variables = take_variables();
  FdTextStream output(STDOUT_FILENO);
  InterruptibleSource input(STDIN_FILENO, environment.stop.get_token());
  environment.output = &output;
  environment.errors = &errors;
  environment.input = &input;
  environment.input_is_terminal = ::isatty(STDIN_FILENO) == 1;
  environment.output_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  environment.columns = [] { return terminal_columns(STDOUT_FILENO); };
  if (environment.input_is_terminal) {
    environment.ask_secret = [](std::string_view question, std::stop_token stop) {
      return ask_on_terminal(STDIN_FILENO, question, std::move(stop));
    };
  }
  environment.job.hostname = own_hostname();
  environment.job.username = own_username();
  environment.job.uid = ::getuid();
  environment.job.gid = ::getgid();
  environment.job.state_directory = job::default_state_directory();
  environment.job.wrap_storage = options.wrap_storage;
  environment.key_cost = options.key_cost;
  const SignalThread signals(environment);
  return run(words, environment);
}

// What is free in pieces of 4 MiB and more goes back to the system at once. Left to itself, the C
// library learns from each such piece that is freed to keep the next ones, up to 32 MiB, for each
// thread; packs and blocks are of that size, and are kept by whoever uses them again. Smaller
// pieces, as most chunks, stay with the library.
void keep_little_memory() noexcept {
  static_cast<void>(::mallopt(M_MMAP_THRESHOLD, 4 << 20));
  static_cast<void>(::mallopt(M_TRIM_THRESHOLD, 8 << 20));
}

}  // namespace

int run_program(int count, char** words, const ProgramOptions& options) noexcept {
  forbid_core_files();
  keep_little_memory();
  block_signals();
  FdTextStream errors(STDERR_FILENO);
  const std::vector<std::string> line(words + (count > 0 ? 1 : 0), words + count);
  try {
    return run_in_real_world(line, errors, options);
  } catch (const Error& error) {
    return report_error(error, line, errors);
  } catch (const std::exception& error) {  // no thread, no memory: there was no run yet
    return report_error(Error(Errc::io, error.what()), line, errors);
  }
}

}  // namespace holdfast::cli

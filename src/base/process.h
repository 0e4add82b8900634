// SPDX-License-Identifier: Apache-2.0
// Running other programs: argv without a shell, posix_spawn (never fork), close-on-exec everywhere,
// an own process group, a deadline, always reaped.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/stream.h"

namespace holdfast {

struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH if it has no slash
  std::vector<std::pair<std::string, std::string>> environment;  // added to, or replacing, ours
  std::filesystem::path directory;                               // empty: ours
  std::optional<std::chrono::milliseconds> timeout;              // none: no deadline
};

// The environment a child gets never holds these: RESTIC_PASSWORD, HOLDFAST_PASSWORD and every
// other variable named *PASSWORD* or *SECRET* but *_FILE and *_COMMAND, unless set in
// Command::environment.

struct ProcessResult {
  int exit_code = 0;   // 128 + signal number if a signal ended it
  std::string output;  // standard output, at most `output_bytes_max`
  std::string errors;  // the end of standard error, at most 64 KiB
  bool timed_out = false;
};

// Runs to the end. Standard input is /dev/null, or `input` if given. On the deadline or a stop
// request the process group gets SIGTERM, five seconds later SIGKILL. Throws Errc::not_found or
// denied if it cannot be started, Errc::cancelled if stopped; a failing exit code is a value.
[[nodiscard]] ProcessResult run_process(const Command& command, std::string_view input = {},
                                        std::stop_token stop = {},
                                        std::size_t output_bytes_max = 16U << 20U);

// A program whose standard output is read as a stream while it runs.
class ChildSource final : public ByteSource {
 public:
  explicit ChildSource(const Command& command);
  ~ChildSource() override;  // kills and reaps what is still running
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
  // Waits for the end; the exit code as in ProcessResult. Call after read() returned 0.
  [[nodiscard]] int wait();
  [[nodiscard]] const std::string& errors() const noexcept { return errors_; }

 private:
  pid_t pid_ = -1;
  Fd output_;
  Fd error_file_;  // an unlinked temporary file
  std::string errors_;
  int exit_code_ = -1;
};

// Starts a program that outlives the caller's interest: standard input, output and error are those
// given (or /dev/null), `keep_open` descriptors are inherited under their own numbers. Returns its
// pid; the caller reaps it.
[[nodiscard]] pid_t spawn_detached(const Command& command, const std::vector<int>& keep_open);

// The argv as one line for messages, quoted where a shell would need it.
[[nodiscard]] std::string display(const std::vector<std::string>& argv);
// Splits a command line as restic does for --password-command: quotes and backslashes, no
// expansion. Errc::usage for an unclosed quote.
[[nodiscard]] std::vector<std::string> split_command_line(std::string_view line);
// Path of the running program (/proc/self/exe).
[[nodiscard]] std::filesystem::path own_executable();

}  // namespace holdfast

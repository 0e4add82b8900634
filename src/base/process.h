// SPDX-License-Identifier: Apache-2.0
// Running other programs: argv without a shell, posix_spawn (never fork), close-on-exec everywhere,
// an own process group, a deadline, always reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/stream.h"

namespace holdfast {

struct Command {
  std::vector<std::string> argv = {};  // argv[0] is looked up in PATH if it has no slash
  // Added to, or replacing, ours.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::filesystem::path directory = {};                   // empty: ours
  std::optional<std::chrono::milliseconds> timeout = {};  // none: no deadline
  // A program that fetches a password may need the caller's own tokens for it: of what is said
  // below, only variables named RESTIC_… and HOLDFAST_… are kept from it.
  bool fetches_password = false;
  // Descriptors of ours, above the standard streams, that the child gets under their own numbers:
  // "/proc/self/fd/7" is then a file that nobody else can name.
  std::vector<int> keep_open = {};
};

// The environment a child gets never holds these, unless set in Command::environment:
// RESTIC_PASSWORD, HOLDFAST_PASSWORD and every other variable named like a secret (*PASSWORD*,
// *PASSPHRASE*, *SECRET*, *_PWD, *_PASS, *_TOKEN, *ACCOUNT_KEY, *API_KEY) but *_FILE and *_COMMAND;
// and, whatever its name, one with a URL that holds a password: "rest:https://me:pass@host/",
// "postgresql://host/db?password=pass".
//
// Signals reach a child as if a shell had started it: none is blocked, and those that Holdfast
// ignores have their default effect again, but SIGHUP, which stays ignored if it is (as by nohup).
//
// What starts programs here throws Errc::usage for an argument or variable with a NUL in it,
// not_found or denied if the program cannot be started, io if the system lacks the means.

struct ProcessResult {
  int exit_code = 0;   // 128 + signal number if a signal ended it
  std::string output;  // standard output, at most `output_bytes_max`
  std::string errors;  // the end of standard error, at most 64 KiB
  bool timed_out = false;
  bool output_is_cut = false;  // there was more output than `output_bytes_max`
};

// Runs to the end. Standard input is /dev/null, or `input` if given. On the deadline or a stop
// request the process group gets SIGTERM, five seconds later SIGKILL. Throws Errc::cancelled if
// stopped; a failing exit code is a value. What the program leaves running (a service that it
// started) lives on; its output is still read until it pauses for a second, for ten at most.
[[nodiscard]] ProcessResult run_process(const Command& command, std::string_view input = {},
                                        std::stop_token stop = {},
                                        std::size_t output_bytes_max = 16U << 20U);

// A program whose standard output is read as a stream while it runs; standard input is /dev/null.
// Past Command::timeout read() and wait() end it and throw Errc::failed_child, after a stop request
// Errc::cancelled, whether it writes anything or not.
class ChildSource final : public ByteSource {
 public:
  explicit ChildSource(const Command& command, std::stop_token stop = {});
  ~ChildSource() override;  // ends (SIGTERM, five seconds later SIGKILL) and reaps what still runs
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
  // Waits for the end; the exit code as in ProcessResult. Call after read() returned 0.
  [[nodiscard]] int wait();
  // The end of standard error, at most 64 KiB; complete after wait().
  [[nodiscard]] const std::string& errors() const noexcept { return errors_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string errors_;
};

// Starts a program that outlives the caller's interest, in a session of its own, so that no
// terminal ends it. `keep_open` descriptors are inherited under their own numbers; those of
// standard input, output and error that are not among them are /dev/null. Command::timeout has no
// effect. Returns its pid; the caller reaps it.
[[nodiscard]] pid_t spawn_detached(const Command& command, const std::vector<int>& keep_open);

// The argv as one line for messages, quoted where a shell would need it.
[[nodiscard]] std::string display(const std::vector<std::string>& argv);
// One word for a shell, always in quotes: "'/srv/it'\''s'". What a terminal would not show as it
// is, such as control characters and bytes that are not UTF-8, is escaped: "$'a\x0ab'", which bash,
// ksh and zsh read. A NUL is not for words of a shell.
[[nodiscard]] std::string shell_quote(std::string_view text);
// Splits a command line as restic does for --password-command: single and double quotes, no
// expansion; a quote after a backslash is a plain character. As with restic each quoted piece is an
// argument of its own, an empty one is none, and a backslash outside of quotes separates.
// Errc::usage for an unclosed quote and for a line without any argument.
// Source: restic internal/backend/shell_split.go. Held to it by: process_test.cc.
[[nodiscard]] std::vector<std::string> split_command_line(std::string_view line);
// Path of the running program (/proc/self/exe).
[[nodiscard]] std::filesystem::path own_executable();

}  // namespace holdfast

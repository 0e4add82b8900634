// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "base/secret.h"
#include "base/uri.h"

namespace holdfast {

namespace {

// Throws for the result of a posix_spawn function, which is an error number.
void require(int result, std::string_view doing) {
  if (result != 0) throw system_error(result, doing);
}

class FileActions {
 public:
  FileActions() { require(::posix_spawn_file_actions_init(&actions_), "preparing a program"); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void add(const Placement& placement) {
    const int result =
        placement.source >= 0
            // A descriptor placed on its own number loses its close-on-exec mark by this.
            ? ::posix_spawn_file_actions_adddup2(&actions_, placement.source, placement.target)
            : ::posix_spawn_file_actions_addopen(&actions_, placement.target, "/dev/null", O_RDWR,
                                                 0);
    require(result, "preparing a program");
  }
  void change_directory(const std::filesystem::path& directory) {
    require(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()),
            "preparing a program");
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  explicit Attributes(ChildGroup group) {
    require(::posix_spawnattr_init(&attributes_), "preparing a program");
    sigset_t signals;
    ::sigfillset(&signals);
    ::sigdelset(&signals, SIGHUP);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    const int group_flag =
        group == ChildGroup::session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setflags(
        &attributes_,
        static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | group_flag));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// Whether a variable is kept from children because of its name.
bool is_secret_name(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  });
  // These name the place of a secret or a way to it, not the secret.
  if (upper.ends_with("_FILE") || upper.ends_with("_COMMAND")) return false;
  constexpr std::array<std::string_view, 3> anywhere = {"PASSWORD", "PASSPHRASE", "SECRET"};
  constexpr std::array<std::string_view, 5> at_end = {"_PWD", "_PASS", "_TOKEN", "ACCOUNT_KEY",
                                                      "API_KEY"};
  return std::any_of(
             anywhere.begin(), anywhere.end(),
             [&](std::string_view word) { return upper.find(word) != std::string::npos; }) ||
         std::any_of(at_end.begin(), at_end.end(),
                     [&](std::string_view word) { return upper.ends_with(word); });
}

// Whether a variable is about our repositories.
bool is_own_name(std::string_view name) {
  return name.starts_with("RESTIC_") || name.starts_with("HOLDFAST_");
}

// Whether a URL in the text holds a password.
bool holds_secret_url(std::string_view text) {
  constexpr std::string_view blanks = " \t\n";
  for (std::size_t at = text.find("://"); at != std::string_view::npos;
       at = text.find("://", at + 3)) {
    const std::size_t before = text.find_last_of(blanks, at);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (holds_password(text.substr(begin, text.find_first_of(blanks, at) - begin))) return true;
  }
  return false;
}

std::string_view name_of(std::string_view variable) noexcept {
  return variable.substr(0, variable.find('='));
}

// The variables of a child; wiped after use, because a command may set a password there.
class Environment {
 public:
  explicit Environment(const Command& command) {
    for (char** variable = ::environ; variable != nullptr && *variable != nullptr; ++variable) {
      const std::string_view name = name_of(*variable);
      const bool is_replaced =
          std::any_of(command.environment.begin(), command.environment.end(),
                      [&](const auto& replacement) { return replacement.first == name; });
      const std::string_view value = std::string_view(*variable).substr(name.size());
      const bool is_open = command.fetches_password && !is_own_name(name);
      if (!is_replaced && (is_open || (!is_secret_name(name) && !holds_secret_url(value))))
        variables_.emplace_back(*variable);
    }
    for (const auto& [name, value] : command.environment) {
      variables_.push_back(fmt::format("{}={}", name, value));
    }
    for (std::string& variable : variables_) pointers_.push_back(variable.data());
    pointers_.push_back(nullptr);
  }
  ~Environment() {
    for (std::string& variable : variables_) wipe(variable);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  [[nodiscard]] char* const* get() const noexcept { return pointers_.data(); }

 private:
  std::vector<std::string> variables_;
  std::vector<char*> pointers_;
};

void check_command(const Command& command) {
  check_rule(!command.argv.empty(), "a command has a program");
  const auto has_nul = [](std::string_view text) {
    return text.find('\0') != std::string_view::npos;
  };
  for (const std::string& argument : command.argv) {
    if (has_nul(argument)) {
      throw Error(Errc::usage,
                  fmt::format("an argument of {} holds a NUL byte", command.argv.front().c_str()));
    }
  }
  for (const auto& [name, value] : command.environment) {
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
      throw Error(Errc::usage,
                  fmt::format("\"{}\" cannot be set as an environment variable", name.c_str()));
    }
  }
}

// Whoever started us may have set SIGCHLD to be ignored, and then the system forgets exit codes.
void keep_exit_codes() {
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
    action = {};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &action, nullptr);
  }
}

// The file that argv[0] stands for. Not left to posix_spawnp(), for which a directory in PATH that
// may not be entered makes a missing program a forbidden one.
std::string find_program(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = ::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  bool is_forbidden = false;
  while (!rest.empty() && !program.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
    std::string candidate = fmt::format("{}/{}", directory.empty() ? "." : directory, program);
    struct stat status {};
    if (::stat(candidate.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    is_forbidden = true;
  }
  throw system_error(is_forbidden ? EACCES : ENOENT, fmt::format("starting {}", program));
}

}  // namespace

pid_t spawn(const Command& command, std::span<const Placement> placements, ChildGroup group) {
  check_command(command);
  const std::string program = find_program(command.argv.front());
  keep_exit_codes();
  FileActions actions;
  for (const Placement& placement : placements) actions.add(placement);
  for (const int number : command.keep_open) actions.add({number, number});
  if (!command.directory.empty()) actions.change_directory(command.directory);
  const Attributes attributes(group);
  const Environment environment(command);
  std::vector<char*> argv;
  for (const std::string& argument : command.argv)
    argv.push_back(const_cast<char*>(argument.data()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int result = ::posix_spawn(&pid, program.c_str(), actions.get(), attributes.get(),
                                   argv.data(), environment.get());
  if (result != 0) {
    const std::string where =
        command.directory.empty() ? "" : fmt::format(" in {}", command.directory.native());
    throw system_error(result, fmt::format("starting {}{}", command.argv.front(), where));
  }
  return pid;
}

Fd above_standard(Fd fd) {
  if (fd.get() > STDERR_FILENO) return fd;
  Fd higher(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!higher) throw system_error(errno, "renumbering a descriptor");
  return higher;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error(errno, "making a pipe");
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  return {above_standard(std::move(reading)), above_standard(std::move(writing))};
}

SocketPair make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    throw system_error(errno, "making a socket");
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  return {above_standard(std::move(ours)), above_standard(std::move(theirs))};
}

void make_nonblocking(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    throw system_error(errno, "preparing a pipe");
}

ssize_t write_without_signal(int fd, ByteView bytes) noexcept {
  sigset_t pipe_signal;
  sigset_t before;
  sigset_t pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  const bool was_pending = ::sigismember(&pending, SIGPIPE) == 1;
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t count = ::write(fd, bytes.data(), bytes.size());
  const int error_number = errno;
  if (count < 0 && error_number == EPIPE && !was_pending) {
    const struct timespec at_once {};
    while (::sigtimedwait(&pipe_signal, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error_number;
  return count;
}

StopWake::StopWake(const std::stop_token& stop)
    : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), waking_(stop, Waking{fd_.get()}) {
  if (!fd_) throw system_error(errno, "making an eventfd");
}

void StopWake::Waking::operator()() const noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(fd, &one, sizeof one));  // full means awake already
}

// pidfd_open(2) goes by its number, because glibc 2.36 declares it without C linkage.
Child::Child(const Command& command, std::span<const Placement> placements)
    : pid_(spawn(command, placements, ChildGroup::process_group)),
      end_fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))) {}

bool Child::has_ended() noexcept {
  if (is_reaped_) return true;
  siginfo_t state{};
  const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT);
  return result != 0 ? errno == ECHILD : state.si_pid != 0;
}

bool Child::wait_until(std::optional<TimePoint> deadline) noexcept {
  while (!has_ended()) {
    if (deadline && std::chrono::steady_clock::now() >= *deadline) return false;
    std::array<pollfd, 1> waits{{{end_fd(), POLLIN, 0}}};
    poll_until(waits, deadline, !end_fd_);
  }
  return true;
}

void Child::signal(int number) noexcept {
  if (!is_reaped_) ::kill(-pid_, number);
}

void Child::end() noexcept {
  if (!has_ended()) {
    signal(SIGTERM);
    signal(SIGCONT);  // one that is stopped would not notice
    wait_until(std::chrono::steady_clock::now() + grace_after_sigterm);
    signal(SIGKILL);
  }
  reap();
}

int Child::reap() noexcept {
  if (is_reaped_) return exit_code_;
  int status = 0;
  pid_t result = -1;
  do {
    result = ::waitpid(pid_, &status, 0);
  } while (result < 0 && errno == EINTR);
  is_reaped_ = true;
  if (result == pid_) {
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return exit_code_;
}

void poll_until(std::span<pollfd> waits, std::optional<Child::TimePoint> deadline,
                bool is_impatient) noexcept {
  constexpr int moment_ms = 20;
  constexpr std::int64_t longest_ms = 60'000;
  int timeout_ms = -1;
  if (deadline) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
    timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, longest_ms));
  }
  if (is_impatient) timeout_ms = timeout_ms < 0 ? moment_ms : std::min(timeout_ms, moment_ms);
  static_cast<void>(::poll(waits.data(), waits.size(), timeout_ms));
}

}  // namespace holdfast

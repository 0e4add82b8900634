// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"

namespace holdfast {

namespace {

using TimePoint = Child::TimePoint;

constexpr std::size_t errors_bytes_max = 64U << 10U;
constexpr std::chrono::seconds pause_after_end{1};
constexpr std::chrono::seconds reading_after_end_max{10};

std::optional<TimePoint> deadline_of(const Command& command) {
  // A time-out beyond a century is none; adding it could overflow the clock.
  constexpr std::chrono::hours century{24 * 365 * 100};
  if (!command.timeout || *command.timeout > century) return std::nullopt;
  return std::chrono::steady_clock::now() + *command.timeout;
}

constexpr std::size_t password_bytes_usual = 4096;

// One run_process() from start to end.
class Run {
 public:
  Run(const Command& command, std::string_view input, std::stop_token stop,
      std::size_t output_bytes_max)
      : program_(command.argv.empty() ? "" : command.argv.front()),
        input_(input),
        stop_(std::move(stop)),
        output_bytes_max_(output_bytes_max),
        wake_(stop_),
        input_pipe_(input.empty() ? Pipe() : make_pipe()),
        output_pipe_(make_pipe()),
        errors_pipe_(make_pipe()),
        child_(command, std::array{Placement{STDIN_FILENO, input_pipe_.reading.get()},
                                   Placement{STDOUT_FILENO, output_pipe_.writing.get()},
                                   Placement{STDERR_FILENO, errors_pipe_.writing.get()}}),
        deadline_(deadline_of(command)) {
    input_pipe_.reading.reset();
    output_pipe_.writing.reset();
    errors_pipe_.writing.reset();
    // What comes may be a password: one buffer for it, since outgrown ones are not wiped.
    result_.output.reserve(std::min(output_bytes_max_, password_bytes_usual));
    if (input_pipe_.writing) make_nonblocking(input_pipe_.writing);
    make_nonblocking(output_pipe_.reading);
    make_nonblocking(errors_pipe_.reading);
  }
  ~Run() { wipe(buffer_.data(), buffer_.size()); }  // a password may have passed through it
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  ProcessResult to_the_end() {
    while (!is_complete()) {
      wait_for_events();
      write_input();
      read_into_result(output_pipe_.reading, false);
      read_into_result(errors_pipe_.reading, true);
      look_at_the_clock();
    }
    // Who did not obey and holds no pipe either; the zombie keeps the group's number ours.
    if (ending_ != Ending::own) child_.signal(SIGKILL);
    result_.exit_code = child_.reap();
    if (ending_ == Ending::stopped) {
      throw Error(Errc::cancelled, fmt::format("{} was ended before it was done", program_));
    }
    if (result_.exit_code < 0) throw system_error(ECHILD, fmt::format("waiting for {}", program_));
    trim_errors(errors_bytes_max);
    result_.timed_out = ending_ == Ending::timed_out;
    return std::move(result_);
  }

 private:
  enum class Ending { own, timed_out, stopped };

  [[nodiscard]] bool has_open_pipes() const { return output_pipe_.reading || errors_pipe_.reading; }

  // When to stop reading from those who outlive the program.
  [[nodiscard]] TimePoint reading_ends_at() const {
    TimePoint at = std::min(last_event_ + pause_after_end, *ended_at_ + reading_after_end_max);
    if (deadline_ && ending_ == Ending::own) at = std::min(at, std::max(*deadline_, *ended_at_));
    return at;
  }

  [[nodiscard]] bool is_complete() const {
    if (!ended_at_) return false;
    if (!has_open_pipes()) return true;
    if (ending_ != Ending::own && !is_killed_) return false;  // the others still have their grace
    return stop_.stop_requested() || std::chrono::steady_clock::now() >= reading_ends_at();
  }

  [[nodiscard]] std::optional<TimePoint> next_time() const {
    if (ending_ != Ending::own && !is_killed_) return kill_at_;
    if (ended_at_) return reading_ends_at();
    return ending_ == Ending::own ? deadline_ : std::nullopt;
  }

  void wait_for_events() {
    const bool is_stop_awaited = ending_ == Ending::own;
    std::array<pollfd, 5> waits{{{is_stop_awaited ? wake_.fd() : -1, POLLIN, 0},
                                 {ended_at_ ? -1 : child_.end_fd(), POLLIN, 0},
                                 {input_pipe_.writing.get(), POLLOUT, 0},
                                 {output_pipe_.reading.get(), POLLIN, 0},
                                 {errors_pipe_.reading.get(), POLLIN, 0}}};
    poll_until(waits, next_time(), child_.end_fd() < 0 && !ended_at_);
  }

  void write_input() {
    if (!input_pipe_.writing) return;
    const ssize_t count =
        write_without_signal(input_pipe_.writing.get(), std::as_bytes(std::span(input_)));
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) input_.remove_prefix(static_cast<std::size_t>(count));
    // A program that does not want to read everything is no failure.
    if (count < 0 || input_.empty()) input_pipe_.writing.reset();
  }

  void read_into_result(Fd& pipe, bool is_errors) {
    if (!pipe) return;
    const ssize_t count = ::read(pipe.get(), buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) throw system_error(errno, fmt::format("reading from {}", program_));
    if (count == 0) return pipe.reset();
    last_event_ = std::chrono::steady_clock::now();
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
    if (is_errors) {
      result_.errors += bytes;
      trim_errors(2 * errors_bytes_max);  // not each time, or each byte would be moved for each
    } else {
      const std::size_t room = output_bytes_max_ - result_.output.size();
      result_.output += bytes.substr(0, room);
      result_.output_is_cut = result_.output_is_cut || bytes.size() > room;
    }
  }

  void trim_errors(std::size_t above_bytes) {
    if (result_.errors.size() <= above_bytes) return;
    result_.errors.erase(0, result_.errors.size() - errors_bytes_max);
  }

  void look_at_the_clock() {
    const TimePoint now = std::chrono::steady_clock::now();
    if (!ended_at_ && child_.has_ended()) {
      ended_at_ = last_event_ = now;
      input_pipe_.writing.reset();
    }
    if (ending_ == Ending::own && !ended_at_) {
      if (stop_.stop_requested()) {
        begin_ending(Ending::stopped, now);
      } else if (deadline_ && now >= *deadline_) {
        begin_ending(Ending::timed_out, now);
      }
    }
    if (ending_ != Ending::own && !is_killed_ && now >= kill_at_) {
      child_.signal(SIGKILL);
      is_killed_ = true;
      last_event_ = now;
    }
  }

  void begin_ending(Ending ending, TimePoint now) {
    ending_ = ending;
    kill_at_ = now + grace_after_sigterm;
    child_.signal(SIGTERM);
    child_.signal(SIGCONT);  // one that is stopped would not notice
  }

  std::string program_;
  std::string_view input_;
  std::stop_token stop_;
  std::size_t output_bytes_max_;
  StopWake wake_;
  Pipe input_pipe_;
  Pipe output_pipe_;
  Pipe errors_pipe_;
  Child child_;
  std::optional<TimePoint> deadline_;
  Ending ending_ = Ending::own;
  TimePoint kill_at_;
  bool is_killed_ = false;
  std::optional<TimePoint> ended_at_;
  TimePoint last_event_;  // when the program ended, was killed or last wrote something
  std::array<char, 65536> buffer_;
  ProcessResult result_;
};

// A file without a name that takes whatever a program writes to standard error.
Fd make_error_file() {
  const char* chosen = ::getenv("TMPDIR");
  const std::string directory = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  Fd file(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  // Not every file system knows O_TMPFILE, and not every machine has a place to write to.
  if (!file) file.reset(::memfd_create("holdfast-errors", MFD_CLOEXEC));
  if (!file) throw system_error(errno, "making a temporary file");
  return above_standard(std::move(file));
}

std::string read_tail(const Fd& file, std::size_t size_bytes_max) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw system_error(errno, "reading a temporary file");
  const auto size_bytes = static_cast<std::size_t>(status.st_size);
  std::string tail(std::min(size_bytes, size_bytes_max), '\0');
  pread_exact(file.get(), std::as_writable_bytes(std::span(tail)), size_bytes - tail.size(),
              "a temporary file");
  return tail;
}

}  // namespace

ProcessResult run_process(const Command& command, std::string_view input, std::stop_token stop,
                          std::size_t output_bytes_max) {
  if (stop.stop_requested()) throw Error(Errc::cancelled, "stopped before a program was started");
  return std::make_unique<Run>(command, input, std::move(stop), output_bytes_max)->to_the_end();
}

struct ChildSource::State {
  State(const Command& command, std::stop_token stop_in)
      : program(command.argv.empty() ? "" : command.argv.front()),
        stop(std::move(stop_in)),
        wake(stop),
        error_file(make_error_file()),
        output(make_pipe()),
        child(command,
              std::array{Placement{STDIN_FILENO}, Placement{STDOUT_FILENO, output.writing.get()},
                         Placement{STDERR_FILENO, error_file.get()}}),
        deadline(deadline_of(command)) {
    output.writing.reset();
  }
  ~State() { output.reading.reset(); }  // before the child is asked to end: it may wait to write
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Waits until `fd` is readable. Ends the program and throws if it is stopped or late before.
  void wait_for(int fd) {
    std::array<pollfd, 2> waits{{{fd, POLLIN, 0}, {wake.fd(), POLLIN, 0}}};
    do {
      if (stop.stop_requested()) {
        end();
        throw Error(Errc::cancelled, fmt::format("{} was ended before it was done", program));
      }
      if (deadline && std::chrono::steady_clock::now() >= *deadline) {
        end();
        throw Error(Errc::failed_child, fmt::format("{} did not end in time", program));
      }
      poll_until(waits, deadline, fd < 0);
    } while (waits[0].revents == 0 && (fd >= 0 || !child.has_ended()));
  }
  void end() noexcept {
    output.reading.reset();
    child.end();
  }

  std::string program;
  std::stop_token stop;
  StopWake wake;
  Fd error_file;
  Pipe output;
  Child child;
  std::optional<TimePoint> deadline;
};

ChildSource::ChildSource(const Command& command, std::stop_token stop)
    : state_(std::make_unique<State>(command, std::move(stop))) {}
ChildSource::~ChildSource() = default;

std::size_t ChildSource::read(std::span<std::byte> into) {
  if (into.empty() || !state_->output.reading) return 0;
  if (state_->deadline || state_->stop.stop_possible()) {
    state_->wait_for(state_->output.reading.get());
  }
  const std::size_t count = read_some(state_->output.reading.get(), into, state_->program);
  if (count == 0) state_->output.reading.reset();
  return count;
}

int ChildSource::wait() {
  state_->output.reading.reset();
  if (!state_->child.has_ended()) state_->wait_for(state_->child.end_fd());
  const int exit_code = state_->child.reap();
  if (exit_code < 0) throw system_error(ECHILD, fmt::format("waiting for {}", state_->program));
  errors_ = read_tail(state_->error_file, errors_bytes_max);
  return exit_code;
}

pid_t spawn_detached(const Command& command, const std::vector<int>& keep_open) {
  std::vector<Placement> placements;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (std::find(keep_open.begin(), keep_open.end(), standard) == keep_open.end()) {
      placements.push_back({standard});
    }
  }
  for (const int number : keep_open) placements.push_back({number, number});
  return spawn(command, placements, ChildGroup::session);
}

std::filesystem::path own_executable() {
  std::error_code failure;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (failure) throw system_error(failure.value(), "reading /proc/self/exe");
  return path;
}

}  // namespace holdfast

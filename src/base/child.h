// SPDX-License-Identifier: Apache-2.0
// A started program from spawn to reaping, and what waits for it: the ground of process.h, and of
// those that talk with a program for long. Knows no deadlines of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <span>
#include <stop_token>

#include "base/fd.h"
#include "base/process.h"

struct pollfd;

namespace holdfast {

// Which of our descriptors the child gets under which number. No source: /dev/null.
struct Placement {
  int target;
  int source = -1;
};

enum class ChildGroup { process_group, session };

// Starts the program in a group or session of its own and returns its pid. Of the descriptors that
// we opened it has only the placed ones.
[[nodiscard]] pid_t spawn(const Command& command, std::span<const Placement> placements,
                          ChildGroup group);

// The same open file under a number that is no standard stream's, where placing could clash.
[[nodiscard]] Fd above_standard(Fd fd);

// The two ends of a pipe, both close-on-exec and above the standard streams.
struct Pipe {
  Fd reading;
  Fd writing;
};
[[nodiscard]] Pipe make_pipe();

// One socket for both ways, close-on-exec and above the standard streams: writing to it when nobody
// reads raises no signal where MSG_NOSIGNAL says so.
struct SocketPair {
  Fd ours;
  Fd theirs;
};
[[nodiscard]] SocketPair make_socket_pair();

void make_nonblocking(const Fd& fd);

// write(2) to a pipe that reports a reader's absence as EPIPE alone, without the signal, which
// would end us. Other threads and the rest of this one keep their disposition of SIGPIPE.
ssize_t write_without_signal(int fd, ByteView bytes) noexcept;

// A descriptor that becomes readable at a stop request, for waits in poll(2).
class StopWake {
 public:
  explicit StopWake(const std::stop_token& stop);
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  struct Waking {
    int fd;
    void operator()() const noexcept;
  };
  Fd fd_;
  std::stop_callback<Waking> waking_;  // last: it uses `fd_`
};

class Child {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Child(const Command& command, std::span<const Placement> placements);
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // A descriptor that becomes readable at the end, or -1 where the system has none; then
  // has_ended() has to be asked every now and then.
  [[nodiscard]] int end_fd() const noexcept { return end_fd_.get(); }
  [[nodiscard]] bool has_ended() noexcept;
  // Waits for the end, until `deadline` if there is one. Whether it has ended.
  bool wait_until(std::optional<TimePoint> deadline) noexcept;

  // To the whole process group. Nothing after reap().
  void signal(int number) noexcept;
  // Ends the group as politely as it lets us, within five seconds, and reaps.
  void end() noexcept;
  // Waits and gives the exit code, 128 + signal number if a signal ended it; -1 if the system lost
  // it. May be called again.
  int reap() noexcept;

 private:
  pid_t pid_;
  Fd end_fd_;
  bool is_reaped_ = false;
  int exit_code_ = -1;
};

inline constexpr std::chrono::seconds grace_after_sigterm{5};

// poll(2) until `deadline`; never longer than a moment if `is_impatient`. Retries nothing: an
// interruption is as good as a time-out to callers that look at the clock anyway.
void poll_until(std::span<pollfd> waits, std::optional<Child::TimePoint> deadline,
                bool is_impatient) noexcept;

}  // namespace holdfast

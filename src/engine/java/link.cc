// SPDX-License-Identifier: Apache-2.0
#include "engine/java/link.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/child.h"
#include "base/fd.h"

namespace holdfast::engine::java {
namespace {

constexpr std::size_t errors_bytes_max = std::size_t{8} << 10U;
constexpr std::size_t read_bytes = std::size_t{128} << 10U;
constexpr std::size_t lines_shown_max = 5;

// The last lines, for a message.
std::string last_lines(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t at = text.size();
  for (std::size_t lines = 0; lines < lines_shown_max && at != std::string_view::npos && at > 0;
       ++lines) {
    at = text.rfind('\n', at - 1);
  }
  std::string shown(at == std::string_view::npos || at == 0 ? text : text.substr(at + 1));
  for (std::size_t end = shown.find('\n'); end != std::string::npos; end = shown.find('\n', end))
    shown.replace(end, 1, "; ");
  return shown;
}

}  // namespace

struct Link::State {
  State(const Command& command, std::stop_token stop_in)
      : stop(std::move(stop_in)),
        wake(stop),
        ends(make_socket_pair()),
        errors_pipe(make_pipe()),
        child(command, std::array{Placement{STDIN_FILENO, ends.theirs.get()},
                                  Placement{STDOUT_FILENO, ends.theirs.get()},
                                  Placement{STDERR_FILENO, errors_pipe.writing.get()}}) {
    ends.theirs.reset();
    errors_pipe.writing.reset();
    make_nonblocking(ends.ours);
    make_nonblocking(errors_pipe.reading);
  }
  ~State() {
    ends.ours.reset();  // it ends by itself when nobody is there
    static_cast<void>(child.wait_until(std::chrono::steady_clock::now() + grace_after_sigterm));
    child.end();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void take_errors() noexcept {
    std::array<char, 4096> buffer;
    while (errors_pipe.reading) {
      const ssize_t count = ::read(errors_pipe.reading.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return;
      if (count == 0) return errors_pipe.reading.reset();
      errors.append(buffer.data(), static_cast<std::size_t>(count));
      if (errors.size() > 2 * errors_bytes_max) errors.erase(0, errors.size() - errors_bytes_max);
    }
  }

  void wait(short events) {
    std::array<pollfd, 3> waits{{{ends.ours.get(), events, 0},
                                 {errors_pipe.reading.get(), POLLIN, 0},
                                 {wake.fd(), POLLIN, 0}}};
    poll_until(waits, std::nullopt, false);
    take_errors();
    if (stop.stop_requested())
      throw Error(Errc::cancelled, "the Java program was stopped before it was done");
  }

  [[noreturn]] void fail() {
    static_cast<void>(child.wait_until(std::chrono::steady_clock::now() + grace_after_sigterm));
    child.end();
    take_errors();
    const std::string said = last_lines(errors);
    throw Error(Errc::failed_child, fmt::format("the Java program ended with code {}{}{}",
                                                child.reap(), said.empty() ? "" : ": ", said));
  }

  // What is there. False: nothing just now.
  bool read_some() {
    const std::span<std::byte> room = frames.room(read_bytes);
    const ssize_t count = ::read(ends.ours.get(), room.data(), room.size());
    if (count > 0) {
      frames.added(static_cast<std::size_t>(count));
      return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    fail();
  }

  std::stop_token stop;
  StopWake wake;
  SocketPair ends;
  Pipe errors_pipe;
  Child child;
  std::string errors;
  FrameReader frames;
};

Link::Link(const Command& command, std::stop_token stop)
    : state_(std::make_unique<State>(command, std::move(stop))) {}
Link::~Link() = default;

void Link::send(FrameWriter& frames) {
  send(frames.bytes());
  frames.clear();
}

void Link::send(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(state_->ends.ours.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EINTR) {
      state_->wait(POLLOUT);
    } else {
      state_->fail();
    }
  }
}

Frame Link::receive() {
  while (true) {
    if (const std::optional<Frame> frame = state_->frames.next()) return *frame;
    if (!state_->read_some()) state_->wait(POLLIN);
  }
}

std::optional<Frame> Link::receive_if_any() {
  if (auto frame = state_->frames.next()) return frame;
  if (state_->frames.is_between_frames() && !state_->read_some()) return std::nullopt;
  return receive();
}

bool Link::wait_for_end() {
  ::shutdown(state_->ends.ours.get(), SHUT_WR);
  const auto deadline = std::chrono::steady_clock::now() + grace_after_sigterm;
  return state_->child.wait_until(deadline) && state_->child.reap() == 0;
}

}  // namespace holdfast::engine::java

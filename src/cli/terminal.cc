// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "base/stream.h"

namespace holdfast::cli {

namespace {

constexpr int look_every_ms = 100;
constexpr std::size_t line_bytes_max = 64U << 10U;

// Waits until there is something to read.
void wait_readable(int fd, const std::stop_token& stop) {
  while (true) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted while waiting for input");
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, look_every_ms);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw system_error(errno, "waiting for input");
  }
}

class EchoOff {
 public:
  explicit EchoOff(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) throw system_error(errno, "asking on the terminal");
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= static_cast<tcflag_t>(ECHONL | ICANON);
    if (::tcsetattr(fd_, TCSAFLUSH, &silent) != 0)
      throw system_error(errno, "asking on the terminal");
  }
  ~EchoOff() { static_cast<void>(::tcsetattr(fd_, TCSANOW, &before_)); }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  int fd_;
  termios before_{};
};

}  // namespace

unsigned terminal_columns(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

Secret ask_on_terminal(int input_fd, std::string_view question, std::stop_token stop) {
  const EchoOff silence(input_fd);
  write_all(STDERR_FILENO, as_bytes(question), "standard error");
  std::string line;
  line.reserve(256);  // so that growing leaves no copy of a usual password behind
  while (line.size() < line_bytes_max) {
    wait_readable(input_fd, stop);
    std::byte byte{};
    if (read_some(input_fd, {&byte, 1}, "the terminal") == 0) {
      if (!line.empty()) break;
      throw Error(Errc::usage, "the terminal was closed before a password came");
    }
    if (byte == std::byte{'\n'}) break;
    line.push_back(static_cast<char>(byte));
  }
  return Secret(std::move(line));
}

std::size_t InterruptibleSource::read(std::span<std::byte> into) {
  if (into.empty()) return 0;
  wait_readable(fd_, stop_);
  return read_some(fd_, into, "standard input");
}

std::string read_named_file(const std::string& path, std::size_t size_bytes_max,
                            std::stop_token stop) {
  // Without waiting, or opening a pipe would wait for its writer where nothing could end that.
  const Fd file = open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  InterruptibleSource source(file.get(), std::move(stop));
  Bytes bytes = in_context("reading " + path, [&] { return read_all(source, size_bytes_max); });
  std::string text(as_text(bytes));
  wipe(bytes.data(), bytes.size());  // it may be a password
  return text;
}

}  // namespace holdfast::cli

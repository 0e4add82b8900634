// SPDX-License-Identifier: Apache-2.0
// The real terminal and standard input: width, questions without echo, reading that a stop request
// ends.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/stream.h"

namespace holdfast::cli {

// Columns of the terminal that `fd` is; 0 if unknown.
[[nodiscard]] unsigned terminal_columns(int fd) noexcept;

// Prints `question` to standard error and reads one line from the terminal `input_fd` without echo.
// The echo comes back on every path. Errc::cancelled on a stop request, Errc::usage if the terminal
// is closed before a line came.
[[nodiscard]] Secret ask_on_terminal(int input_fd, std::string_view question, std::stop_token stop);

// Reads a descriptor, looking at the stop request while it waits (Errc::cancelled).
class InterruptibleSource final : public ByteSource {
 public:
  InterruptibleSource(int fd, std::stop_token stop)
      : fd_(fd), stop_(std::move(stop)) {}  // does not own the fd
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override;

 private:
  int fd_;
  std::stop_token stop_;
};

// The content of a file that the user names. It may be a pipe that nobody has written to yet: the
// waiting ends with Errc::cancelled on a stop request. Errc::corrupt if it is larger than
// `size_bytes_max`.
[[nodiscard]] std::string read_named_file(const std::string& path, std::size_t size_bytes_max,
                                          std::stop_token stop);

}  // namespace holdfast::cli
